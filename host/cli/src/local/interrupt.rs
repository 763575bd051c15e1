//! Ctrl-C, and the polite kill: both mean that the user has had enough.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals that ask to stop.
pub struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    /// Begins to listen; from now on neither signal ends the process by itself.
    ///
    /// # Errors
    /// The system does not let this process listen.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
