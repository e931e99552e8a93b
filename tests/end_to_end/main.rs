//! Tests from outside against the real binary.

mod backtest;
mod bad_input;
mod command_line;
mod incidents;
mod kills;
mod put_to_alert;
mod series_rules;
mod snapshots;
mod stored;

/// Asks until there is an answer. The bound guards against a hang; nothing is measured.
fn eventually<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..2000 {
        if let Some(answer) = ask() {
            return answer;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("no answer came");
}
