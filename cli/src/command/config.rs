//! `kizashi config`: whether a configuration is good, and what it means.

use crate::{
    arguments::ConfigCommand,
    config::{self, Config},
    report::{self, Failure},
    snapshot_file,
};

pub fn run(command: ConfigCommand) -> Result<(), Failure> {
    let ConfigCommand::Check { file, config } = command;
    let (config, source) = config::load_named(file.or(config).as_deref(), std::env::vars())?;
    snapshot_file::detector(config.snapshot.as_deref())?;
    report::line(shown(&config, &source)?.trim_end())
}

/// A configuration as a file that sets every key.
fn shown(config: &Config, source: &str) -> Result<String, Failure> {
    let text = toml::to_string(config)
        .map_err(|error| Failure::run(format_args!("the configuration can't be printed: {error}")))?;
    Ok(format!("# {source}: the configuration is good. With every key, it is:\n{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Config {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn what_is_shown_is_a_file_of_the_same_configuration() {
        let text = r#"
            snapshot = "mine.snapshot"
            [streams."pumps.eu"]
            shards = 2
            mapping = { series = "host.name", fields = ["load.1m"] }
            [detect]
            false_alerts_per_week = 0.5
            [[series]]
            match = "web-*"
            range = [0, 100]
            direction = "up"
            quiet_hours = ["22:00-06:00"]
            quiet_severity = "critical"
            [[series]]
            match = "*"
        "#;
        for config in [parsed(text), Config::default()] {
            assert_eq!(parsed(&shown(&config, "x").unwrap()), config);
        }
    }

    #[test]
    fn every_key_that_has_a_default_is_shown() {
        let shown = shown(&Config::default(), "kizashi.toml").unwrap();
        assert!(shown.starts_with("# kizashi.toml: the configuration is good."), "{shown}");
        for line in
            ["listen = \"127.0.0.1:8750\"", "[streams.events]", "shards = 4", "[keep]", "silence = true"]
        {
            assert!(shown.lines().any(|shown| shown == line), "{line} in {shown}");
        }
    }
}
