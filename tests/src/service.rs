//! The service under test: a child process of the real binary.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};
use tempfile::NamedTempFile;
use tonic::transport::{Channel, Endpoint};

/// How long the service may take to start or stop before the test gives up. Generous: it guards against
/// a hang, it measures nothing.
const PATIENCE: Duration = Duration::from_secs(120);

/// The binary: `$KIZASHI_BIN`, or what cargo builds from this tree.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(path) = std::env::var_os("KIZASHI_BIN") {
            return path.into();
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--bin", "kizashi"])
            .current_dir(root)
            .status();
        assert!(built.expect("cargo runs").success(), "the binary builds");
        // A test's executable lies in TARGET/PROFILE/deps.
        let test = std::env::current_exe().expect("the test has a path");
        test.ancestors().nth(2).expect("deps has a parent").join("kizashi")
    })
}

/// A command that has ended.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// Runs the binary with `arguments` and `input` to its end.
pub fn run(arguments: &[&str], input: &[u8]) -> Finished {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A command that fails early closes its input: that is its right.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Finished {
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A command of the binary with none of the tester's own settings.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments);
    for (variable, _) in std::env::vars().filter(|(variable, _)| variable.starts_with("KIZASHI_")) {
        command.env_remove(variable);
    }
    command
}

/// A running service. Dropping it kills it.
pub struct Service {
    child: Child,
    stderr: NamedTempFile,
    /// Address of gRPC, gRPC-Web, the dashboard and `/metrics`.
    pub listen: SocketAddr,
    /// Address of the Kinesis endpoint.
    pub kinesis: SocketAddr,
}

impl Service {
    /// Starts the service on `data`, on free ports, and waits until it is ready.
    pub fn start(data: &Path) -> Self {
        Self::start_with(data, "", &[])
    }

    /// The same with a configuration and variables of the environment.
    pub fn start_with(data: &Path, config: &str, variables: &[(&str, &str)]) -> Self {
        Self::try_start(data, config, variables)
            .unwrap_or_else(|finished| panic!("the service starts: {finished:?}"))
    }

    /// The same for a service that may not start.
    pub fn try_start(data: &Path, config: &str, variables: &[(&str, &str)]) -> Result<Self, Finished> {
        let folder = data.parent().expect("the data folder is in a folder of the test's");
        let file = folder.join("kizashi.toml");
        std::fs::write(&file, config).unwrap();
        let stderr = NamedTempFile::new().unwrap();
        let data = data.to_str().unwrap();
        let mut child =
            command(&["serve", "--data", data, "--listen", "127.0.0.1:0", "--kinesis", "127.0.0.1:0"])
                .args(["--config".as_ref(), file.as_os_str()])
                .envs(variables.iter().copied())
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(stderr.reopen().unwrap())
                .spawn()
                .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let Some(addresses) = line.trim_end().strip_prefix("ready ") else {
            let status = child.wait().unwrap();
            return Err(Finished { status, stdout: line, stderr: text(&stderr) });
        };
        let address = |name: &str| {
            let found = addresses.split(' ').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
            found.unwrap_or_else(|| panic!("{name} in {line:?}")).parse().unwrap()
        };
        Ok(Self { listen: address("listen"), kinesis: address("kinesis"), child, stderr })
    }

    /// What the client commands take as `--server`.
    pub fn url(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// A connection to its gRPC port.
    pub async fn channel(&self) -> Channel {
        Endpoint::from_shared(self.url()).unwrap().connect().await.expect("the service accepts")
    }

    /// What `/metrics` says, behind the head of the answer.
    pub fn metrics(&self) -> String {
        let mut socket = TcpStream::connect(self.listen).unwrap();
        let host = self.listen;
        write!(socket, "GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        answer
    }

    /// Id of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether the process is there.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Its log so far.
    pub fn stderr(&self) -> String {
        text(&self.stderr)
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it dies by itself.
    pub fn wait(mut self) -> Finished {
        let status = self.wait_bounded();
        Finished { status, stdout: String::new(), stderr: text(&self.stderr) }
    }

    /// Asks it to stop, as a service manager does, and waits until it has.
    pub fn stop(mut self) -> Finished {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let status = self.wait_bounded();
        Finished { status, stdout: String::new(), stderr: text(&self.stderr) }
    }

    fn wait_bounded(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "the service ends; it said: {}", text(&self.stderr));
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Fails where it has ended, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(file: &NamedTempFile) -> String {
    String::from_utf8_lossy(&std::fs::read(file.path()).unwrap()).into_owned()
}
