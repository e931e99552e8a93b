//! What a simulated disk holds under a name: bytes, or names; each as it is, and as it would be found
//! after the power fails.

use std::collections::BTreeMap;

use super::random::Random;

/// A file.
#[derive(Debug, Default, Clone)]
pub(super) struct FileNode {
    /// As a running process sees it.
    pub content: Vec<u8>,
    /// Bytes up to the last one that was written: what lies beyond is a hole and takes no room.
    pub allocated: usize,
    /// As of the last sync.
    synced: Vec<u8>,
    /// What was done since.
    unsynced: Vec<FileChange>,
}

#[derive(Debug, Clone)]
struct FileChange {
    action: FileAction,
    /// A sync failed after it. The kernel has dropped the pages, so no later sync makes it durable, yet
    /// it may have reached the disk.
    dropped: bool,
}

#[derive(Debug, Clone)]
enum FileAction {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate { length: usize },
}

impl FileNode {
    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.change(FileAction::Write { offset, bytes: bytes.to_vec() });
        }
    }

    pub fn truncate(&mut self, length: usize) {
        self.change(FileAction::Truncate { length });
    }

    fn change(&mut self, action: FileAction) {
        action.apply(&mut self.content);
        self.allocated = match &action {
            FileAction::Write { offset, bytes } => self.allocated.max(offset + bytes.len()),
            FileAction::Truncate { length } => self.allocated.min(*length),
        };
        self.unsynced.push(FileChange { action, dropped: false });
    }

    pub fn sync(&mut self) {
        for change in std::mem::take(&mut self.unsynced) {
            if !change.dropped {
                change.action.apply(&mut self.synced);
            }
        }
    }

    pub fn fail_sync(&mut self) {
        for change in &mut self.unsynced {
            change.dropped = true;
        }
    }

    /// Keeps what was synced, and of the rest whatever chance has it: nothing, all, the first changes, or
    /// any of them, writes whole or in part.
    pub fn lose_power(&mut self, random: &mut Random) {
        let count = self.unsynced.len();
        let kept = match random.below(4) {
            0 => vec![false; count],
            1 => vec![true; count],
            2 => {
                let prefix = random.below(count as u64 + 1) as usize;
                (0..count).map(|at| at < prefix).collect()
            }
            _ => (0..count).map(|_| random.below(2) == 0).collect(),
        };
        for (change, kept) in std::mem::take(&mut self.unsynced).into_iter().zip(kept) {
            if kept {
                change.action.torn(random).apply(&mut self.synced);
            }
        }
        self.content.clone_from(&self.synced);
        self.allocated = self.content.len();
    }
}

impl FileAction {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            FileAction::Write { offset, bytes } => {
                let end = offset + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*offset..end].copy_from_slice(bytes);
            }
            FileAction::Truncate { length } => content.resize(*length, 0),
        }
    }

    /// The part of it that reached the disk.
    fn torn(self, random: &mut Random) -> FileAction {
        match self {
            FileAction::Write { offset, bytes } => {
                let length = bytes.len() as u64;
                let (from, to) = match random.below(4) {
                    0 => (0, length),
                    1 => (0, random.below(length + 1)),
                    2 => (random.below(length + 1), length),
                    _ => {
                        let from = random.below(length + 1);
                        (from, from + random.below(length - from + 1))
                    }
                };
                let (from, to) = (from as usize, to as usize);
                FileAction::Write { offset: offset + from, bytes: bytes[from..to].to_vec() }
            }
            FileAction::Truncate { .. } => self,
        }
    }
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NodeId {
    File(usize),
    Directory(usize),
}

/// A directory.
#[derive(Debug, Default, Clone)]
pub(super) struct DirectoryNode {
    pub names: BTreeMap<String, NodeId>,
    synced: BTreeMap<String, NodeId>,
    unsynced: Vec<(String, Option<NodeId>)>,
}

impl DirectoryNode {
    /// Lets a name stand for a node, or for nothing.
    pub fn set(&mut self, name: &str, node: Option<NodeId>) {
        set_name(&mut self.names, name, node);
        self.unsynced.push((name.to_owned(), node));
    }

    pub fn sync(&mut self) {
        self.synced.clone_from(&self.names);
        self.unsynced.clear();
    }

    /// Each unsynced name is lost or kept.
    pub fn lose_power(&mut self, random: &mut Random) {
        for (name, node) in std::mem::take(&mut self.unsynced) {
            if random.below(2) == 0 {
                set_name(&mut self.synced, &name, node);
            }
        }
        self.names.clone_from(&self.synced);
    }
}

fn set_name(names: &mut BTreeMap<String, NodeId>, name: &str, node: Option<NodeId>) {
    match node {
        Some(node) => names.insert(name.to_owned(), node),
        None => names.remove(name),
    };
}
