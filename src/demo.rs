//! The demonstration: a directory's day, with the service, an application and
//! nothing made up between them.
//!
//! `stage` starts an embedded service on a free port and an application beside
//! it; `day` plays what a partner's directory sends, over HTTP, and checks what
//! comes of it; `story` tells it. All data is in a temporary folder, which is
//! removed at the end.

mod application;
mod day;
mod directory;
mod people;
mod stage;
mod story;
#[cfg(test)]
mod tests;

use std::{io, pin::pin, process::ExitCode, time::Duration};

use tokio::signal::unix::{Signal, SignalKind, signal};

use self::{
    people::NEXT,
    stage::Stage,
    story::{Failed, Fault, Story},
};
use crate::{
    config::{LogFilter, Settings},
    telemetry::Telemetry,
};

/// Plays the day, and then stays up until it is stopped; `once` ends it there.
///
/// The exit code tells whether every step went as it should.
pub async fn run(once: bool) -> ExitCode {
    let story = Story::on_stdout();
    // Trouble is worth a line of log; the rest would only interrupt the story.
    let quiet = Settings { log: LogFilter::warnings(), metrics: false, ..Settings::default() };
    let _telemetry = Telemetry::start(&quiet);
    let played = match Stop::listen() {
        Ok(mut stop) => play(&story, &mut stop, once).await,
        Err(error) => {
            let fault = Fault::error("to hear of Ctrl-C", &error);
            story.tell(Duration::ZERO, "muster", "starts", Err(fault))
        }
    };
    match played {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed) => ExitCode::FAILURE,
    }
}

async fn play(story: &Story, stop: &mut Stop, once: bool) -> Result<(), Failed> {
    let mut asked = pin!(stop.asked());
    story.say("A directory's day, told as it happens.\n");
    let mut stage = tokio::select! {
        stage = Stage::open(story) => stage?,
        () = asked.as_mut() => return Err(Failed),
    };
    let played = tokio::select! {
        evening = day::play(&mut stage, story) => evening,
        () = asked.as_mut() => Err(Failed),
    };
    let ended = match played {
        Err(failed) => Err(failed),
        Ok(evening) => {
            story.close_day(evening.took);
            if once {
                Ok(())
            } else {
                let directory = &stage.directory;
                story.invite(&directory.base_url, &directory.token, &NEXT, &evening.next_id);
                tokio::select! {
                    told = stage.keep_telling(story) => told,
                    () = asked => Ok(()),
                }
            }
        }
    };
    stage.close().await;
    ended
}

/// Somebody at the terminal, or the system, who wants the demo to end.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    /// Takes the signals from now on.
    fn listen() -> io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => (),
            _ = self.terminate.recv() => (),
        }
    }
}
