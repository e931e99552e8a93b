//! All files, on all cores, and their scores.

use super::file::{Job, run_file};
use super::{Error, FileReport, Options, Progress, Report};
use crate::alert_score::{self, Raised};
use crate::event_score::{self, Labels};
use crate::nab_score::{self, Windows};
use crate::table::input::uncompressed_name;
use crate::table::{Choice, STDIN};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Runs a backtest. `progress` is called now and then, from the threads that run files.
///
/// # Errors
/// Where the options don't fit each other: nothing is run. A file that can't be run stops no other; why it
/// could not is in the report.
pub fn run(options: &Options, progress: &(dyn Fn(Progress) + Sync)) -> Result<Report, Error> {
    options.engine.validate()?;
    let windows = options.nab.as_deref().map(nab_windows).transpose()?;
    let labels = options.labels.as_deref().map(read_json::<Labels>).transpose()?;
    let jobs = match (&options.nab, &windows) {
        (Some(_), _) if !options.files.is_empty() || labels.is_some() => {
            return Err(Error::Options(
                "nab names its own files and labels; give it without others".to_owned(),
            ));
        }
        // Its files are known: rows that are numbered, say, would be in none of its windows.
        (Some(_), _) if options.choice != Choice::default() => {
            return Err(Error::Options(
                "nab knows how its files are read; give it without a choice of columns".to_owned(),
            ));
        }
        (Some(nab), Some(windows)) => nab_jobs(options, nab, windows),
        _ => file_jobs(options)?,
    };
    let keep_scores = windows.is_some() || labels.is_some();
    let (mut files, mut failed, mut not_run) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (job, result) in jobs.iter().zip(run_jobs(options, &jobs, keep_scores, progress)) {
        match result {
            Ok(file) => files.push(file),
            Err(error) => {
                not_run.insert(stem(&job.file));
                failed.push(error);
            }
        }
    }
    let budget = options.engine.false_alerts_per_week;
    let mut report = Report { files, failed, budget, ..Report::default() };
    let scored = match (&windows, &labels) {
        (Some(windows), _) => score_nab(&mut report, windows, &not_run),
        (None, Some(labels)) => score_events(&mut report, labels, &not_run),
        (None, None) => Ok(()),
    };
    if let Err(reason) = scored {
        let by = options.nab.as_ref().or(options.labels.as_ref()).expect("there are labels");
        report.failed.push(Error::Options(format!("{}: {reason}", by.display())));
    }
    Ok(report)
}

/// Without a file that is labelled, what a set is worth would be another set's worth.
fn not_scored(name: &str) -> String {
    format!("not scored, since {name}, which is labelled, could not be run")
}

/// The files are those that the windows name, in their order.
fn score_nab(report: &mut Report, windows: &Windows, not_run: &BTreeSet<String>) -> Result<(), String> {
    // Every file of the benchmark is labelled.
    if let Some(name) = not_run.first() {
        return Err(not_scored(name));
    }
    let scored: Vec<nab_score::Scored<'_>> = windows
        .keys()
        .zip(&report.files)
        .map(|(name, file)| nab_score::Scored { name, times: &file.times, scores: &file.scores })
        .collect();
    report.nab = nab_score::score(&scored, windows)?;
    let spans = scored
        .iter()
        .map(|file| nab_score::window_rows(file, windows))
        .collect::<Result<Vec<_>, String>>()?;
    let raised = report.files.iter().zip(&spans).map(|(file, windows)| Raised {
        opened: &file.opened,
        windows,
        late: 0,
        probation: nab_score::probation_rows(file.scores.len()),
    });
    report.alerts = Some(alert_score::score(raised));
    Ok(())
}

fn score_events(report: &mut Report, labels: &Labels, not_run: &BTreeSet<String>) -> Result<(), String> {
    if let Some(name) = labels.windows.keys().find(|name| not_run.contains(*name)) {
        return Err(not_scored(name));
    }
    let files: BTreeMap<String, &FileReport> =
        report.files.iter().map(|file| (stem(&file.file), file)).collect();
    let scores = files.iter().map(|(name, file)| (name.clone(), file.scores.clone())).collect();
    report.events = Some(event_score::score(labels, &scores)?);
    let raised = labels.windows.iter().map(|(name, windows)| Raised {
        // The score above has seen to it that each labelled file is there.
        opened: &files[name].opened,
        windows,
        late: labels.rules.late,
        probation: labels.rules.probation,
    });
    report.alerts = Some(alert_score::score(raised));
    Ok(())
}

/// The name under which a file is labelled.
fn stem(file: &Path) -> String {
    uncompressed_name(file).file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn nab_windows(nab: &Path) -> Result<Windows, Error> {
    read_json(&nab.join("labels/combined_windows.json"))
}

fn read_json<T: DeserializeOwned>(file: &Path) -> Result<T, Error> {
    let text = fs::read_to_string(file).map_err(|source| Error::Io { file: file.to_owned(), source })?;
    serde_json::from_str(&text).map_err(|error| Error::Options(format!("{}: {error}", file.display())))
}

fn nab_jobs(options: &Options, nab: &Path, windows: &Windows) -> Vec<Job> {
    let job = |name: &String| Job {
        file: nab.join("data").join(name),
        out: options.out.as_ref().map(|out| out.join(name)),
    };
    windows.keys().map(job).collect()
}

fn file_jobs(options: &Options) -> Result<Vec<Job>, Error> {
    if options.files.is_empty() {
        return Err(Error::Options("no file was given".to_owned()));
    }
    let mut taken: HashMap<PathBuf, &Path> = HashMap::new();
    let mut jobs = Vec::new();
    for file in &options.files {
        let Some(name) = file.file_name() else {
            return Err(Error::Options(format!("{} is not a file", file.display())));
        };
        // Results are never compressed, and of Parquet they are CSV.
        let name = uncompressed_name(Path::new(name));
        let name = match name.extension() {
            Some(ending) if ending.eq_ignore_ascii_case("parquet") => name.with_extension("csv"),
            _ => name,
        };
        // Labels go by what is before the ending, of whatever form the file is.
        let known_as = if options.labels.is_some() { PathBuf::from(stem(file)) } else { name.clone() };
        if file == Path::new(STDIN) && taken.contains_key(&known_as) {
            return Err(Error::Options("standard input (`-`) can be read once".to_owned()));
        }
        // Without results or labels, which go by name, names don't matter.
        let named = options.out.is_some() || options.labels.is_some();
        if let Some(other) = taken.insert(known_as, file).filter(|_| named) {
            let what = if options.labels.is_some() { "labels" } else { "results' name" };
            return Err(Error::Options(format!(
                "{} and {} would share their {what}; run them apart",
                other.display(),
                file.display()
            )));
        }
        let out = options.out.as_ref().map(|out| out.join(name));
        if let Some(out) = &out
            && let (Ok(input), Ok(output)) = (file.canonicalize(), out.canonicalize())
            && input == output
        {
            return Err(Error::Options(format!(
                "the results would overwrite {}; choose another folder",
                file.display()
            )));
        }
        jobs.push(Job { file: file.clone(), out });
    }
    Ok(jobs)
}

/// Runs all jobs, and says in their order what came of each.
fn run_jobs(
    options: &Options,
    jobs: &[Job],
    keep_scores: bool,
    progress: &(dyn Fn(Progress) + Sync),
) -> Vec<Result<FileReport, Error>> {
    let threads = match options.threads {
        0 => thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    // What is left over where there are more threads than files goes to the first of them.
    let threads_of = |at: usize| (threads / jobs.len() + usize::from(at < threads % jobs.len())).max(1);
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<Result<FileReport, Error>>>> =
        jobs.iter().map(|_| Mutex::new(None)).collect();
    thread::scope(|scope| {
        for _ in 0..threads.min(jobs.len()) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some((job, result)) = jobs.get(at).zip(results.get(at)) else { return };
                    let ran = run_file(job, options, threads_of(at), keep_scores, progress);
                    progress(Progress::File);
                    *result.lock().expect("no thread panicked with it") = Some(ran);
                }
            });
        }
    });
    let ran = |result: Mutex<Option<_>>| result.into_inner().expect("no thread panicked with it");
    results.into_iter().map(|result| ran(result).expect("every job was run")).collect()
}
