//! A machine whose power fails at a seeded file operation.

use kizashi_log::{FileSystem, HookedFileSystem, OperationKind, SimFileSystem};
use kizashi_tests::waveform::Random;
use parking_lot::Mutex;
use std::{path::Path, sync::Arc};

/// Whose file an operation is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// `FORMAT`, the catalogue of streams, and folders.
    Directory,
    /// The stream that is put to.
    Source,
    /// The internal stream.
    Keyed,
    /// Commits and pieces of the route application.
    Route,
    /// Commits of the score application.
    Commits,
    /// Its pieces of state.
    Pieces,
    /// The history of points.
    History,
}

/// Places to aim at, each with the bound of operations there that are let pass.
const AIMS: [(Place, u64); 6] = [
    (Place::Source, 120),
    (Place::Keyed, 120),
    (Place::Route, 40),
    (Place::Commits, 120),
    (Place::Pieces, 60),
    (Place::History, 20),
];

impl Place {
    fn of(path: &Path) -> Self {
        let path = path.to_str().expect("paths of tests are text");
        let holds = |part: &str| path.contains(part);
        match () {
            () if holds("streams/.events.keyed/") => Self::Keyed,
            () if holds("streams/events/") => Self::Source,
            () if holds("apps/route/") => Self::Route,
            () if holds("apps/score/") && holds("/commits") => Self::Commits,
            () if holds("apps/score/") && holds("/pieces") => Self::Pieces,
            () if holds("history/") => Self::History,
            () => Self::Directory,
        }
    }
}

/// Where the power failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Struck {
    pub place: Place,
    pub kind: OperationKind,
}

/// What is waited for.
#[derive(Default)]
struct Aim {
    /// `None` for any place.
    place: Option<Place>,
    /// Operations there to let pass; `None` while nothing is aimed at.
    pass: Option<u64>,
    struck: Option<Struck>,
}

/// The disk of a history, and the power failure to come.
pub struct Machine {
    disk: SimFileSystem,
    aim: Arc<Mutex<Aim>>,
}

impl Machine {
    pub fn new() -> Self {
        Self { disk: SimFileSystem::new(), aim: Arc::default() }
    }

    /// The seam at which the process reaches its files.
    pub fn files(&self) -> Arc<dyn FileSystem> {
        let (disk, aim) = (self.disk.clone(), self.aim.clone());
        Arc::new(HookedFileSystem::new(Arc::new(self.disk.clone()), move |operation| {
            let mut aim = aim.lock();
            let place = Place::of(operation.path);
            if aim.place.is_some_and(|aimed| aimed != place) {
                return Ok(());
            }
            match &mut aim.pass {
                None => {}
                Some(0) => {
                    aim.pass = None;
                    aim.struck = Some(Struck { place, kind: operation.kind });
                    // This operation and all after it fail.
                    disk.crash_at(0);
                }
                Some(pass) => *pass -= 1,
            }
            Ok(())
        }))
    }

    /// Lets the power fail behind so many operations.
    pub fn fail_after(&self, operations: u64) {
        *self.aim.lock() = Aim { pass: Some(operations), ..Aim::default() };
    }

    /// Lets the power fail at some operation of a life: any, or one at a place.
    pub fn fail_somewhere(&self, random: &mut Random) {
        let choice = random.below(2 * AIMS.len() as u64) as usize;
        match AIMS.get(choice) {
            Some((place, most)) => {
                let pass = Some(random.below(*most));
                *self.aim.lock() = Aim { place: Some(*place), pass, struck: None };
            }
            None => self.fail_after(random.below(700)),
        }
    }

    /// Whether the power has failed.
    pub fn is_down(&self) -> bool {
        self.disk.crashed()
    }

    /// The power comes back. What was not synced is there by chance. The process must be gone.
    pub fn power_comes_back(&self, random: &mut Random) -> Option<Struck> {
        self.disk.power_loss(random.bits());
        std::mem::take(&mut *self.aim.lock()).struck
    }
}
