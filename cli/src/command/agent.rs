//! `kizashi agent`: this host's own metrics as series.

use super::acknowledged::Pump;
use crate::{
    arguments::Agent,
    report::{self, Failure},
};
use jiff::Timestamp;
use kizashi_proto::v1::PutRecord;
use serde_json::{Value, json};
use std::time::Duration;
use sysinfo::{Disks, Networks, System};
use tokio::time::MissedTickBehavior;

pub async fn run(arguments: Agent) -> Result<(), Failure> {
    let host =
        arguments.host.clone().or_else(|| System::host_name().ok()).unwrap_or_else(|| "localhost".into());
    let mut probe = Probe::new()
        .map_err(|error| Failure::run(format_args!("can't read this host's metrics: {error}")))?;
    let mut ticks = tokio::time::interval(Duration::from_secs_f64(arguments.interval));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    // Rates need two readings, so the first only sets the marks.
    ticks.tick().await;
    probe.read(arguments.interval);
    let mut pump = None;
    let mut told = false;
    loop {
        ticks.tick().await;
        let time = Timestamp::now().as_millisecond();
        let readings = probe.read(arguments.interval);
        let result = put(&mut pump, &arguments, &host, time, readings).await;
        match result {
            Ok(()) if !told => {
                report::line(format_args!(
                    "putting {host}/… on stream {} every {} s",
                    arguments.stream, arguments.interval
                ))?;
                told = true;
            }
            Ok(()) => {}
            // Before the first success the command line is wrong; after it, the service restarts.
            Err(failure) if !told => return Err(failure),
            Err(failure) => {
                eprintln!("kizashi: {failure}; trying again");
                pump = None;
            }
        }
    }
}

async fn put<'a>(
    pump: &mut Option<Pump<'a>>,
    arguments: &'a Agent,
    host: &str,
    time: i64,
    readings: Vec<(&'static str, Value)>,
) -> Result<(), Failure> {
    let open = match pump {
        Some(open) => open,
        None => pump.insert(Pump::start(&arguments.server, &arguments.stream, false).await?),
    };
    for (name, values) in readings {
        let series = format!("{host}/{name}");
        let kind = if values.is_object() { "values" } else { "value" };
        let record = json!({ "series": series, "time": time, kind: values });
        open.put(PutRecord { partition_key: series, data: record.to_string().into_bytes() }).await?;
    }
    open.settle().await
}

/// Reads the host's counters.
struct Probe {
    system: System,
    disks: Disks,
    networks: Networks,
}

impl Probe {
    fn new() -> Result<Self, sysinfo::Error> {
        Ok(Self {
            system: System::new()?,
            disks: Disks::new_with_refreshed_list()?,
            networks: Networks::new_with_refreshed_list()?,
        })
    }

    /// Names and values; rates are per second over the `seconds` since the last reading.
    fn read(&mut self, seconds: f64) -> Vec<(&'static str, Value)> {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        self.disks.refresh(true);
        self.networks.refresh(true);
        let load = System::load_average();
        let percent =
            |part: u64, whole: u64| if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 };
        let (mut total, mut free, mut read, mut written) = (0, 0, 0, 0);
        for disk in &self.disks {
            total += disk.total_space();
            free += disk.available_space();
            read += disk.usage().read_bytes;
            written += disk.usage().written_bytes;
        }
        let (mut received, mut sent) = (0, 0);
        // What this host says to itself, Kizashi's own traffic first of all, is not its network.
        for (_, network) in self.networks.iter().filter(|(name, _)| !name.to_string_lossy().starts_with("lo"))
        {
            received += network.received();
            sent += network.transmitted();
        }
        let rate = |bytes: u64| bytes as f64 / seconds;
        let mut readings = vec![
            ("cpu", json!(round(f64::from(self.system.global_cpu_usage())))),
            ("memory", json!(round(percent(self.system.used_memory(), self.system.total_memory())))),
            ("disk", json!({ "used_percent": round(percent(total - free.min(total), total)) })),
            ("disk-io", json!({ "read_bytes": rate(read).round(), "written_bytes": rate(written).round() })),
            (
                "network",
                json!({ "received_bytes": rate(received).round(), "sent_bytes": rate(sent).round() }),
            ),
        ];
        // Not every system has a load average.
        if let Ok(load) = load {
            readings.push(("load", json!({ "1m": load.one, "5m": load.five })));
        }
        readings
    }
}

/// To a hundredth: what is finer is noise of the reading.
fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reading_is_a_number_or_a_flat_object_of_numbers() {
        let mut probe = Probe::new().unwrap();
        let readings = probe.read(1.0);
        assert!(readings.iter().any(|(name, _)| *name == "cpu"));
        for (name, values) in readings {
            let numbers = match &values {
                Value::Object(fields) => fields.values().collect(),
                value => vec![value],
            };
            assert!(
                numbers.iter().all(|number| number.as_f64().is_some_and(|n| n >= 0.0)),
                "{name}: {values}"
            );
        }
    }
}
