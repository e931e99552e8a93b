//! Service `Series`.

use super::{downsample, errors, wire};
use crate::committed::ShardRef;
use crate::views::{
    Views,
    series_table::{SeriesEntry, SeriesKey, SeriesTable},
    token,
};
use kizashi_proto::v1::{self, series_server::Series};
use kizashi_storage::{error::StoreError, history::SeriesPoints};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tonic::{Code, Request, Response, Status};

const PAGE_SIZE_DEFAULT: usize = 100;
const PAGE_SIZE_MAX: usize = 1_000;
const CONTAINS_CHARS_MAX: usize = 1_000;
const POINTS_DEFAULT: usize = 1_000;
const POINTS_MIN: usize = 10;
const POINTS_MAX: usize = 10_000;
/// Range where no start is given.
const RANGE_DEFAULT_MS: i64 = 3_600_000;
/// Queries that read history at once; each may hold a day of points for a moment.
const QUERIES_MAX: usize = 4;

/// Reads what is kept of the past of series.
pub trait SeriesHistory: Send + Sync + 'static {
    /// Points of a series of a shard, from `start_ms` on and before `end_ms`, those that are not flushed too;
    /// `None` where there is none. May block.
    fn points(
        &self,
        shard: &ShardRef,
        series: &str,
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Option<SeriesPoints>, StoreError>;
}

/// Lists series and tells their past.
pub(super) struct SeriesService {
    views: Arc<Views>,
    history: Arc<dyn SeriesHistory>,
    queries: Semaphore,
}

impl SeriesService {
    pub(super) fn new(views: Arc<Views>, history: Arc<dyn SeriesHistory>) -> Self {
        Self { views, history, queries: Semaphore::new(QUERIES_MAX) }
    }

    fn summary(&self, entry: &SeriesEntry) -> v1::SeriesSummary {
        let open = self.views.open_alert_of(&entry.stream, &entry.series);
        v1::SeriesSummary {
            series: entry.series.to_string(),
            stream: entry.stream.to_string(),
            fields: entry.fields.iter().map(ToString::to_string).collect(),
            last: Some(wire::timestamp(entry.last_ms)),
            values: entry.values.to_vec(),
            observations: entry.observations,
            surprise: entry.surprise,
            open_alert: open.map_or_else(String::new, |id| id.to_string()),
        }
    }

    /// The table and the newest observation of a series: on `stream`, or, where that is empty, on the first
    /// stream that has it.
    fn find(&self, stream: &str, series: &str) -> Option<(Arc<SeriesTable>, SeriesEntry)> {
        let tables = self.views.series().into_iter();
        let tables = tables.filter(|table| stream.is_empty() || *table.shard().stream == *stream);
        let known = tables.filter_map(|table| table.get(series).map(|entry| (table, entry)));
        known.min_by(|(_, a), (_, b)| a.stream.cmp(&b.stream).then(b.last_ms.cmp(&a.last_ms)))
    }
}

#[tonic::async_trait]
impl Series for SeriesService {
    async fn list_series(
        &self,
        request: Request<v1::ListSeriesRequest>,
    ) -> Result<Response<v1::ListSeriesResponse>, Status> {
        let request = request.into_inner();
        let count = super::page_size(request.page_size, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX)?;
        if request.contains.chars().count() > CONTAINS_CHARS_MAX {
            return Err(errors::invalid(
                "contains",
                request.contains,
                format!("at most {CONTAINS_CHARS_MAX} characters"),
            ));
        }
        let needle = request.contains.to_lowercase();
        let scope = format!("series\n{needle}");
        let after = super::page_token(&scope, &request.page_token, SeriesKey::decode)?;
        let (page, more) = self.views.list_series(after.as_ref(), &needle, count);
        let last = page.last().filter(|_| more);
        Ok(Response::new(v1::ListSeriesResponse {
            series: page.iter().map(|entry| self.summary(entry)).collect(),
            next_page_token: last
                .map_or_else(String::new, |entry| token::seal(&scope, &entry.key().encode())),
            total: self.views.series_count() as u64,
        }))
    }

    async fn query_series(
        &self,
        request: Request<v1::QuerySeriesRequest>,
    ) -> Result<Response<v1::QuerySeriesResponse>, Status> {
        let request = request.into_inner();
        let points_max = match usize::try_from(request.points_max) {
            Ok(0) => POINTS_DEFAULT,
            Ok(points @ POINTS_MIN..=POINTS_MAX) => points,
            _ => {
                let allowed = format!("{POINTS_MIN} to {POINTS_MAX}, or 0 for {POINTS_DEFAULT}");
                return Err(errors::invalid("points_max", request.points_max, allowed));
            }
        };
        let start_ms = time("start", request.start.as_ref())?;
        let end_ms = time("end", request.end.as_ref())?;
        let (table, entry) = self.find(&request.stream, &request.series).ok_or_else(|| {
            let place = if request.stream.is_empty() {
                String::new()
            } else {
                format!(" on stream `{}`", request.stream)
            };
            errors::not_found(
                "series",
                &request.series,
                format!("no series `{}` is known{place}", request.series),
            )
        })?;
        let end_ms = end_ms.unwrap_or(entry.last_ms.saturating_add(1));
        let start_ms = start_ms.unwrap_or(end_ms.saturating_sub(RANGE_DEFAULT_MS));
        if start_ms >= end_ms {
            let allowed = format!("a time before `end`, which is {end_ms} in Unix milliseconds");
            return Err(errors::invalid("start", start_ms, allowed));
        }
        let _permit = self.queries.acquire().await.expect("the semaphore is never closed");
        let (history, series) = (self.history.clone(), entry.series.clone());
        let read = move || {
            let points = history.points(table.shard(), &series, start_ms, end_ms)?;
            Ok::<_, StoreError>(points.map(|points| fields(&points, points_max)))
        };
        let read = tokio::task::spawn_blocking(read).await;
        let read =
            read.map_err(|error| error.to_string()).and_then(|read| read.map_err(|error| error.to_string()));
        let read = read.map_err(|problem| errors::other(Code::Internal, "HISTORY_UNREADABLE", problem))?;
        let (fields, downsampled) = read.unwrap_or_else(|| {
            let names = entry.fields.iter().map(ToString::to_string);
            (names.map(|name| v1::FieldPoints { name, ..v1::FieldPoints::default() }).collect(), false)
        });
        Ok(Response::new(v1::QuerySeriesResponse {
            series: entry.series.to_string(),
            stream: entry.stream.to_string(),
            fields,
            downsampled,
        }))
    }
}

fn time(field: &str, held: Option<&prost_types::Timestamp>) -> Result<Option<i64>, Status> {
    let Some(time) = held else { return Ok(None) };
    let allowed = "a time whose Unix milliseconds fit into 64 bits";
    let ms = wire::milliseconds(time)
        .ok_or_else(|| errors::invalid(field, format!("{} s", time.seconds), allowed))?;
    Ok(Some(ms))
}

/// The points of each field, at most `points_max`, and whether some were left out.
fn fields(points: &SeriesPoints, points_max: usize) -> (Vec<v1::FieldPoints>, bool) {
    let mut downsampled = points.reduced;
    let fields = points.names.iter().enumerate().map(|(field, name)| {
        let seen: Vec<downsample::Point> = (points.points.iter().enumerate())
            .filter(|(_, point)| !point.fields[field].value.is_nan())
            .map(|(number, point)| downsample::Point {
                number,
                time_ms: point.time_ms,
                value: point.fields[field].value,
                surprise: point.surprise,
            })
            .collect();
        let kept = downsample::downsample(&seen, points_max);
        downsampled |= kept.len() < seen.len();
        let mut wire = v1::FieldPoints { name: name.to_string(), ..v1::FieldPoints::default() };
        for number in kept {
            let point = &points.points[number];
            let seen = &point.fields[field];
            wire.time_ms.push(point.time_ms);
            wire.value.push(seen.value);
            wire.expected.push(seen.expected);
            wire.lower.push(seen.lower);
            wire.upper.push(seen.upper);
            wire.surprise.push(f64::from(point.surprise));
            wire.anomaly_score.push(f64::from(point.anomaly_score));
        }
        wire
    });
    (fields.collect(), downsampled)
}
