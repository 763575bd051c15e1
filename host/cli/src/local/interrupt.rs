//! Ctrl-C, and the polite kill: both mean that the user has had enough.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals that ask to stop.
pub struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    count: usize,
}

impl Interrupts {
    /// Begins to listen; from now on neither signal ends the process by itself.
    ///
    /// # Errors
    /// The system does not let this process listen.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            count: 0,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        self.count += 1;
    }

    /// Whether the user asked more than once: then nothing is waited for any more.
    pub fn insisted(&self) -> bool {
        self.count > 1
    }
}
