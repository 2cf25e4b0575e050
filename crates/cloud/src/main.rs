//! The program `iot-coap-cloud`: a server for development, and a runner of
//! commands against one.

#![forbid(unsafe_code)]

mod cli;
mod exec;
mod manual_page;
mod reread;
mod signals;

use std::io::Write;
use std::process::ExitCode;

use clap::CommandFactory;
use iot_coap_cloud::{Cloud, Log};
use signals::{Signals, is_hangup_ignored};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse_all();
    // As a command's failures are told from the server's own.
    let failure = if arguments.command.is_empty() { 1 } else { exec::OWN_FAILURE };
    run(arguments).unwrap_or_else(|error| {
        eprintln!("iot-coap-cloud: {error}");
        ExitCode::from(failure)
    })
}

fn run(arguments: cli::Arguments) -> Result<ExitCode, Box<dyn std::error::Error>> {
    if arguments.manual_page {
        manual_page::write(&mut std::io::stdout())?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(shell) = arguments.completions {
        // Written at once, since clap_complete takes a reader that ends early for a fault.
        let mut script = Vec::new();
        let command = &mut cli::Arguments::command();
        clap_complete::generate(shell, command, "iot-coap-cloud", &mut script);
        std::io::stdout().write_all(&script)?;
        return Ok(ExitCode::SUCCESS);
    }
    let command = arguments.command.clone();
    let has_command = !command.is_empty();
    let reread = arguments.reread();
    let config = arguments.into_config()?;
    let tells_trouble = matches!(config.log, Log::Stderr | Log::Trouble);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Signals are caught before the server says that it is ready.
    let (mut signals, hangup) = {
        let _context = runtime.enter();
        // Otherwise SIGHUP ends the process, as it does by default.
        let is_caught = !has_command && reread.is_given;
        let hangup = is_caught.then(|| signal(SignalKind::hangup())).transpose()?;
        (Signals::catch(has_command && !is_hangup_ignored())?, hangup)
    };
    // The start may wait for the broker.
    let started = runtime.block_on(async {
        tokio::select! {
            cloud = tokio::task::spawn_blocking(|| Cloud::start(config)) => Ok(cloud),
            signal = signals.next() => Err(signal),
        }
    });
    let cloud = match started {
        Ok(cloud) => cloud??,
        Err(signal) => {
            runtime.shutdown_background();
            return Ok(if has_command { exec::killed_by(signal) } else { ExitCode::SUCCESS });
        }
    };
    if let Some(broker) = cloud.missing_broker().filter(|_| !tells_trouble) {
        eprintln!("iot-coap-cloud: {broker}");
    }
    let code = runtime.block_on(async {
        if has_command {
            return exec::run(&cloud, &command, &mut signals).await;
        }
        tokio::select! {
            _ = signals.next() => {}
            () = reread.keep_reading(&cloud, hangup) => {}
        }
        Ok(ExitCode::SUCCESS)
    })?;
    cloud.stop()?;
    Ok(code)
}
