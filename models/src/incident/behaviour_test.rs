//! What incidents are made of which alerts.

use super::*;
use crate::alert::{AlertKind, Severity};
use crate::position::{Position, Source};
use proptest::prelude::*;
use std::sync::Arc;

const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

fn alert(number: u32, series: &str, opened_ms: i64, closed_ms: Option<i64>) -> Arc<Alert> {
    let mut sequence = [0; 24];
    sequence[20..].copy_from_slice(&number.to_be_bytes());
    let position = Position { sequence, index: 0 };
    let source = Source { stream: "events".into(), shard: "shardId-000000000000".into(), position };
    Arc::new(Alert {
        id: AlertId::new(AlertKind::Anomaly, series, &source),
        series: series.into(),
        kind: AlertKind::Anomaly,
        severity: if number.is_multiple_of(2) { Severity::Info } else { Severity::Critical },
        opened_ms,
        last_ms: closed_ms.unwrap_or(opened_ms),
        closed_ms,
        surprise: 5.0,
        anomaly_score: 0.5,
        observations: 1,
        fields: Vec::new(),
        why: format!("{series} was 9 where 1 to 2 was expected"),
        snapshot: [0; 32],
        nearest: None,
        source,
    })
}

/// Alerts for reasons of their own, on 100 series of 20 hosts, a few hours apart, over four weeks.
fn past() -> Vec<Arc<Alert>> {
    let of = |number: u32| {
        let series = format!(
            "host-{}/{}",
            number * 7 % 20,
            ["cpu", "disk", "load", "net", "mem"][number as usize / 20 % 5]
        );
        let opened_ms = i64::from(number) * 5 * HOUR + i64::from(number * number % 7) * 600 * SECOND;
        alert(number, &series, opened_ms, Some(opened_ms + 600 * SECOND))
    };
    (0..130).map(of).collect()
}

fn settled(alerts: impl IntoIterator<Item = Arc<Alert>>) -> Incidents {
    let mut incidents = Incidents::new(100_000, Parameters::default());
    alerts.into_iter().for_each(|alert| incidents.put(alert));
    incidents.settle();
    incidents
}

/// The series of each incident of several alerts that opened behind the past, the oldest incident first.
fn broke_together(incidents: &Incidents) -> Vec<Vec<&str>> {
    let several = incidents.newest_first(None).map(|(_, incident)| incident);
    let several = several.filter(|incident| incident.members.len() > 1 && incident.opened_ms >= 28 * DAY);
    let mut series: Vec<Vec<&str>> =
        several.map(|incident| incident.members.iter().map(|alert| &*alert.series).collect()).collect();
    series.reverse();
    series
}

#[test]
fn series_of_a_host_that_break_within_seconds_are_one_incident() {
    let begun = 28 * DAY;
    let failing = ["cpu", "disk", "load", "net"].iter().enumerate().map(|(at, metric)| {
        alert(1_000 + at as u32, &format!("host-7/{metric}"), begun + at as i64 * 10 * SECOND, None)
    });
    let mut incidents = settled(past().into_iter().chain(failing));
    let together = broke_together(&incidents);
    assert_eq!(together, [["host-7/cpu", "host-7/disk", "host-7/load", "host-7/net"]]);
    let (_, incident) = incidents.newest_first(None).next().unwrap();
    let incident = incident.clone();
    assert_eq!(incident.title, "4 series of host-7 broke within 30 s; first host-7/cpu");
    assert_eq!((incident.severity, incident.closed_ms, incident.series), (Severity::Critical, None, 4));
    assert_eq!(incident.id, IncidentId::new(incident.members[0].id));

    for (at, member) in incident.members.iter().enumerate() {
        let closed_ms = begun + at as i64 * 60 * SECOND + HOUR;
        incidents.put(Arc::new(Alert { closed_ms: Some(closed_ms), ..(**member).clone() }));
    }
    let revisions = incidents.settle();
    let [Revision { before: Some(before), after: Some(after) }] = &revisions[..] else {
        panic!("{revisions:?}")
    };
    assert_eq!((before.closed_ms, after.closed_ms), (None, Some(begun + 180 * SECOND + HOUR)));
    assert_eq!(incidents.settle(), [], "nothing has changed since");
}

#[test]
fn alerts_far_apart_are_alone() {
    let incidents = settled(past());
    let alone = incidents.newest_first(None).filter(|(_, incident)| incident.members.len() == 1).count();
    assert!(alone > 120, "{alone} of 130");
    let (_, incident) =
        incidents.newest_first(None).find(|(_, incident)| incident.members.len() == 1).unwrap();
    assert_eq!(incident.title, incident.members[0].why);
    assert_eq!(incidents.of_alert(incident.members[0].id), Some(incident));
    assert_eq!(incidents.get(incident.id), Some(incident));
}

#[test]
fn two_hosts_that_fail_at_once_are_two_incidents() {
    let metrics = ["cpu", "disk", "load", "net", "mem"];
    let failing = metrics.iter().enumerate().flat_map(|(at, metric)| {
        ["host-7", "host-12"].map(|host| {
            let late = if host == "host-7" { 0 } else { 20 };
            let number = 1_000 + 2 * at as u32 + late;
            let opened_ms = 28 * DAY + (late + at as u32 * 7) as i64 * SECOND;
            alert(number, &format!("{host}/{metric}"), opened_ms, None)
        })
    });
    let incidents = settled(past().into_iter().chain(failing));
    let together = broke_together(&incidents);
    assert_eq!(together.len(), 2, "{together:?}");
    assert!(together[0].iter().all(|series| series.starts_with("host-7/")), "{together:?}");
    assert!(together[1].iter().all(|series| series.starts_with("host-12/")), "{together:?}");
}

#[test]
fn a_series_that_alerts_again_reopens_its_incident() {
    let begun = 28 * DAY;
    let closed_ms = Some(begun + 900 * SECOND);
    let failing = ["cpu", "disk", "load"].map(|metric| {
        alert(
            1_000 + metric.len() as u32,
            &format!("host-7/{metric}"),
            begun + metric.len() as i64,
            closed_ms,
        )
    });
    let mut incidents = settled(past().into_iter().chain(failing));
    incidents.put(alert(2_000, "host-7/cpu", begun + 1_800 * SECOND, None));
    let revisions = incidents.settle();
    let [Revision { before: Some(before), after: Some(after) }] = &revisions[..] else {
        panic!("{revisions:?}")
    };
    assert_eq!((before.id, before.closed_ms, after.closed_ms), (after.id, closed_ms, None));
    assert_eq!((after.members.len(), after.series), (4, 3));
}

#[test]
fn series_of_unlike_names_that_broke_together_before_do_so_again() {
    let hidden = ["host-1/cpu", "host-4/disk", "host-9/net", "host-15/load"];
    let strike = |number: u32, at_ms: i64, apart: i64| {
        hidden.iter().enumerate().map(move |(at, series)| {
            let opened_ms = at_ms + at as i64 * apart;
            alert(number + at as u32, series, opened_ms, Some(opened_ms + 600 * SECOND))
        })
    };
    // So far apart that chance would explain it, had they not been seen together at once.
    let slow = || strike(3_000, 60 * DAY, 2_000 * SECOND);
    let unknown = settled(past().into_iter().chain(slow()));
    assert!(broke_together(&unknown).iter().all(|series| series.len() < 4), "{:?}", broke_together(&unknown));
    let before = (0..4).flat_map(|week| strike(1_000 + week * 10, (28 + i64::from(week)) * DAY, SECOND));
    let known = settled(past().into_iter().chain(before).chain(slow()));
    assert_eq!(broke_together(&known).last().unwrap(), &hidden);
}

#[test]
fn a_late_alert_and_one_that_is_taken_out_change_what_was() {
    let begun = 28 * DAY;
    let metrics = ["cpu", "disk", "load"];
    let failing = metrics.map(|metric| {
        alert(
            1_000 + metric.len() as u32,
            &format!("host-7/{metric}"),
            begun + metric.len() as i64 * SECOND,
            None,
        )
    });
    let mut incidents = settled(past().into_iter().chain(failing));
    let first = incidents.newest_first(None).next().unwrap().1.id;
    // It opened before all others, so the incident is now named after it.
    let late = alert(2_000, "host-7/net", begun - SECOND, None);
    incidents.put(late.clone());
    let revisions = incidents.settle();
    assert_eq!(revisions.len(), 2);
    assert_eq!(incidents.get(first), None);
    assert_eq!(incidents.of_alert(late.id).unwrap().members.len(), 4);
    incidents.remove(late.id);
    incidents.settle();
    assert_eq!(incidents.get(first).unwrap().members.len(), 3);
    assert_eq!(incidents.of_alert(late.id), None);
}

#[test]
fn the_oldest_incidents_go_where_there_are_too_many_alerts() {
    let mut incidents = Incidents::new(50, Parameters::default());
    for alert in past() {
        incidents.put(alert);
        incidents.settle();
    }
    let kept: usize = incidents.newest_first(None).map(|(_, incident)| incident.members.len()).sum();
    assert!((40..=50).contains(&kept), "{kept}");
    assert!(incidents.of_alert(past()[0].id).is_none());
    assert!(incidents.of_alert(past()[129].id).is_some());
}

/// All incidents, as ids of alerts.
fn shape(incidents: &Incidents) -> Vec<(IncidentId, Vec<AlertId>, Option<i64>)> {
    let shape = |incident: &Incident| {
        (incident.id, incident.members.iter().map(|alert| alert.id).collect(), incident.closed_ms)
    };
    incidents.newest_first(None).map(|(_, incident)| shape(incident)).collect()
}

/// Alerts on few series in little time, so that much joins, many of them at the same moment.
fn alerts() -> impl Strategy<Value = Vec<Arc<Alert>>> {
    let alert = |(number, (host, metric, opened, lasts)): (usize, (u8, u8, i64, Option<i64>))| {
        let opened_ms = opened * 20 * SECOND;
        let series = format!("host-{host}/{metric}");
        alert(number as u32, &series, opened_ms, lasts.map(|lasts| opened_ms + lasts * SECOND))
    };
    let one = (0u8..5, 0u8..4, 0i64..600, proptest::option::of(0i64..5_000));
    proptest::collection::vec(one, 1..400)
        .prop_map(move |alerts| alerts.into_iter().enumerate().map(alert).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn incidents_do_not_depend_on_the_order_in_which_alerts_come(
        (alerts, shuffled) in alerts().prop_flat_map(|alerts| (Just(alerts.clone()), Just(alerts).prop_shuffle())),
        batch in 1usize..40,
    ) {
        let once = settled(alerts);
        let mut shards = Incidents::new(100_000, Parameters::default());
        for batch in shuffled.chunks(batch) {
            for alert in batch {
                // First as it was when it opened, then as it is.
                shards.put(Arc::new(Alert { closed_ms: None, ..(**alert).clone() }));
            }
            shards.settle();
            batch.iter().for_each(|alert| shards.put(alert.clone()));
        }
        shards.settle();
        prop_assert_eq!(shape(&shards), shape(&once));
    }

    #[test]
    fn every_alert_is_in_one_incident_and_revisions_tell_all(alerts in alerts(), batch in 1usize..40) {
        let mut incidents = Incidents::new(100_000, Parameters::default());
        let mut told = std::collections::BTreeMap::new();
        for batch in alerts.chunks(batch) {
            batch.iter().for_each(|alert| incidents.put(alert.clone()));
            for Revision { before, after } in incidents.settle() {
                if let Some(before) = &before {
                    prop_assert_eq!(told.remove(&before.id), Some(before.clone()));
                }
                if let Some(after) = after {
                    prop_assert_eq!(told.insert(after.id, after), None);
                }
            }
        }
        let now: Vec<_> = incidents.newest_first(None).map(|(_, incident)| incident.clone()).collect();
        prop_assert_eq!(told.len(), now.len());
        prop_assert!(now.iter().all(|incident| told.get(&incident.id) == Some(incident)));
        let mut ids: Vec<AlertId> = now.iter().flat_map(|incident| &incident.members).map(|alert| alert.id).collect();
        ids.sort_unstable();
        ids.dedup();
        prop_assert_eq!(ids.len(), alerts.len());
        prop_assert_eq!(now.iter().map(|incident| incident.members.len()).sum::<usize>(), alerts.len());
    }
}
