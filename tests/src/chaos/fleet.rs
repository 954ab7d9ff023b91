//! Worker processes that come and go: started, killed, stopped and continued by name of their place in the fleet.

use std::fs::{self, OpenOptions};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How a worker is started.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// What it is called.
    pub name: String,
    /// What the program is given.
    pub arguments: Vec<String>,
}

/// The workers of a storm.
pub struct Fleet {
    program: PathBuf,
    folder: PathBuf,
    places: Vec<Place>,
}

struct Place {
    options: WorkerOptions,
    process: Option<Child>,
    boots: u32,
}

impl Fleet {
    /// Workers that run `program`, and say what they say into files in `folder`.
    pub fn new(program: PathBuf, folder: PathBuf) -> Self {
        Self { program, folder, places: Vec::new() }
    }

    /// Adds a worker and starts it.
    pub fn add(&mut self, options: WorkerOptions) -> usize {
        self.places.push(Place { options, process: None, boots: 0 });
        let place = self.places.len() - 1;
        self.start(place);
        place
    }

    /// How many there are, alive or not.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    fn start(&mut self, place: usize) {
        let errors = self.log(place, "err");
        let said = self.log(place, "out");
        let place = &mut self.places[place];
        place.boots += 1;
        let mut command = Command::new(&self.program);
        command.args(["--name", &place.options.name]).args(&place.options.arguments);
        let open =
            |path| OpenOptions::new().create(true).append(true).open(path).expect("a log can be written");
        command.stdin(Stdio::piped()).stdout(open(said)).stderr(open(errors));
        place.process = Some(command.spawn().expect("the worker can be started"));
    }

    fn log(&self, place: usize, kind: &str) -> PathBuf {
        self.folder.join(format!("{}.{kind}", self.places[place].options.name))
    }

    /// Everything that a worker said.
    pub fn said(&self, place: usize) -> String {
        fs::read_to_string(self.log(place, "out")).unwrap_or_default()
    }

    /// Waits until a worker has said this.
    pub fn await_saying(&self, place: usize, text: &str) {
        let began = Instant::now();
        while !self.said(place).contains(text) {
            let errors = || fs::read_to_string(self.log(place, "err")).unwrap_or_default();
            assert!(began.elapsed() < Duration::from_secs(30), "it never said `{text}`: {}", errors());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal, if the worker runs.
    pub fn signal(&self, place: usize, signal: Signal) {
        if let Some(process) = &self.places[place].process {
            let _ = kill_process(Pid::from_child(process), signal);
        }
    }

    /// How a worker ended; nothing while it runs.
    pub fn ended(&mut self, place: usize) -> Option<ExitStatus> {
        self.places[place].process.as_mut()?.try_wait().expect("it can be asked")
    }

    /// Starts those again that have ended; says which.
    pub fn revive(&mut self) -> Vec<usize> {
        let dead: Vec<usize> = (0..self.places.len()).filter(|place| self.ended(*place).is_some()).collect();
        dead.iter().for_each(|place| self.start(*place));
        dead
    }

    /// Ends a worker's input, on which it stops when it is done.
    pub fn tell_to_stop(&mut self, place: usize) {
        drop(self.places[place].process.as_mut().and_then(|process| process.stdin.take()));
    }

    /// Tells a worker to stop, and waits until it did.
    pub fn dismiss(&mut self, place: usize) -> ExitStatus {
        self.signal(place, Signal::CONT);
        let mut process = self.places[place].process.take().expect("it was started");
        drop(process.stdin.take());
        let began = Instant::now();
        loop {
            if let Some(status) = process.try_wait().expect("it can be asked") {
                return status;
            }
            if began.elapsed() > Duration::from_secs(20) {
                let _ = process.kill();
                return process.wait().expect("it has ended");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for process in self.places.iter_mut().filter_map(|place| place.process.as_mut()) {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
