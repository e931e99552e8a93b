//! All files, on all cores, and their scores.

use super::file::run_file;
use super::{Error, FileReport, Options, Report};
use crate::event_score::{self, Labels};
use crate::nab_score::{self, Windows};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// A file to run, and where its results go.
struct Job {
    file: PathBuf,
    out: Option<PathBuf>,
}

/// Runs a backtest. `done` is called as each file ends, from the thread that ran it.
///
/// # Errors
/// Where the options don't fit each other, and else the first of the files, in their order, that could not
/// be run; the others are run nevertheless.
pub fn run(options: &Options, done: &(dyn Fn(&FileReport) + Sync)) -> Result<Report, Error> {
    options.engine.validate()?;
    let windows = options.nab.as_deref().map(nab_windows).transpose()?;
    let labels = options.labels.as_deref().map(read_json::<Labels>).transpose()?;
    let jobs = match (&options.nab, &windows) {
        (Some(_), _) if !options.files.is_empty() || labels.is_some() => {
            return Err(Error::Options(
                "nab names its own files and labels; give it without others".to_owned(),
            ));
        }
        (Some(nab), Some(windows)) => nab_jobs(options, nab, windows),
        _ => file_jobs(options)?,
    };
    let keep_scores = windows.is_some() || labels.is_some();
    let files = run_jobs(options, &jobs, keep_scores, done)?;
    let mut report = Report { files, ..Report::default() };
    if let Some(windows) = &windows {
        let scored: Vec<nab_score::Scored<'_>> = windows
            .keys()
            .zip(&report.files)
            .map(|(name, file)| nab_score::Scored { name, times: &file.times, scores: &file.scores })
            .collect();
        report.nab = nab_score::score(&scored, windows).map_err(Error::Options)?;
    }
    if let Some(labels) = &labels {
        let stem = |file: &Path| file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let scores: BTreeMap<String, Vec<f64>> =
            report.files.iter().map(|file| (stem(&file.file), file.scores.clone())).collect();
        report.events = Some(event_score::score(labels, &scores).map_err(Error::Options)?);
    }
    Ok(report)
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
        // Results are CSV whatever the input is, so only what is Parquet changes its ending.
        let name = match file.extension() {
            Some(ending) if ending.eq_ignore_ascii_case("parquet") => Path::new(name).with_extension("csv"),
            _ => PathBuf::from(name),
        };
        if let Some(other) = taken.insert(name.clone(), file) {
            return Err(Error::Options(format!(
                "{} and {} would share their results' name; run them apart",
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

fn run_jobs(
    options: &Options,
    jobs: &[Job],
    keep_scores: bool,
    done: &(dyn Fn(&FileReport) + Sync),
) -> Result<Vec<FileReport>, Error> {
    let threads = match options.threads {
        0 => thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<Result<FileReport, Error>>>> =
        jobs.iter().map(|_| Mutex::new(None)).collect();
    thread::scope(|scope| {
        for _ in 0..threads.min(jobs.len()) {
            scope.spawn(|| {
                while let Some((job, result)) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    jobs.get(at).zip(results.get(at))
                } {
                    let ran = run_file(
                        &job.file,
                        &options.choice,
                        &options.engine,
                        job.out.as_deref(),
                        keep_scores,
                    );
                    if let Ok(report) = &ran {
                        done(report);
                    }
                    *result.lock().expect("no thread panicked with it") = Some(ran);
                }
            });
        }
    });
    let take = |result: Mutex<Option<_>>| {
        result.into_inner().expect("no thread panicked with it").expect("every job was run")
    };
    results.into_iter().map(take).collect()
}
