//! What is put: series that begin one after the other, each with a burst, without end.

use kizashi_tests::waveform::{Burst, Random};
use std::collections::{HashMap, VecDeque};

const BURST: Burst = Burst { before: 100, during: 8, after: 60 };

/// Steps between the beginnings of two series: at any time about three are in a burst or just behind it.
const LAG: usize = 10;

/// Steps after which the first bursts have begun.
pub const WARM_STEPS: usize = BURST.before + LAG;

/// Records to put, made as they are needed.
pub struct Load {
    step: usize,
    ready: VecDeque<String>,
    /// How often each record was put, acknowledged or not.
    attempts: HashMap<String, u64>,
}

impl Load {
    pub fn new() -> Self {
        Self { step: 0, ready: VecDeque::new(), attempts: HashMap::new() }
    }

    /// Steps of the series so far.
    pub fn step(&self) -> usize {
        self.step
    }

    /// Series that have begun.
    pub fn series(&self) -> usize {
        self.step.div_ceil(LAG)
    }

    /// How often this record was put.
    pub fn attempts(&self, text: &str) -> u64 {
        self.attempts.get(text).copied().unwrap_or(0)
    }

    /// The next records.
    pub fn take(&mut self, count: usize, random: &mut Random) -> Vec<String> {
        while self.ready.len() < count {
            self.advance(random);
        }
        self.taken(count)
    }

    /// What was made and not put, or put and not acknowledged.
    pub fn take_rest(&mut self, count: usize) -> Vec<String> {
        self.taken(count.min(self.ready.len()))
    }

    fn taken(&mut self, count: usize) -> Vec<String> {
        let taken: Vec<String> = self.ready.drain(..count).collect();
        for text in &taken {
            *self.attempts.entry(text.clone()).or_default() += 1;
        }
        taken
    }

    /// These were not acknowledged: they come first.
    pub fn give_back(&mut self, texts: Vec<String>) {
        for text in texts.into_iter().rev() {
            self.ready.push_front(text);
        }
    }

    /// One observation of each living series; one to three make a record, and a few can't be read.
    fn advance(&mut self, random: &mut Random) {
        let first = (self.step + 1).saturating_sub(BURST.len()).div_ceil(LAG);
        let mut record = String::new();
        for series in first..=self.step / LAG {
            let value = BURST.value(self.step - series * LAG, random);
            // Every other series leaves its time to the stream. Those that tell theirs are an hour late, so that
            // none is ahead of the clock.
            let line = if series % 2 == 0 {
                let time = 1_767_222_000 + self.step;
                format!(r#"{{"series":"{series}","time":{time},"value":{value}}}"#)
            } else {
                format!(r#"{{"series":"{series}","value":{value},"step":{}}}"#, self.step)
            };
            record.push_str(&line);
            if random.below(3) == 0 {
                record.push('\n');
            } else {
                self.ready.push_back(std::mem::take(&mut record));
            }
        }
        if !record.is_empty() {
            self.ready.push_back(record);
        }
        if random.below(8) == 0 {
            self.ready.push_back(format!("not JSON, at step {}", self.step));
        }
        self.step += 1;
    }
}
