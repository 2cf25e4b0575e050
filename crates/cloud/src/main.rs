//! The program `iot-coap-cloud`: a server for development, and a runner of
//! commands against one.

#![forbid(unsafe_code)]

mod cli;
mod exec;
mod manual_page;
mod reread;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use iot_coap_cloud::Cloud;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    run(arguments).unwrap_or_else(|error| {
        eprintln!("iot-coap-cloud: {error}");
        ExitCode::FAILURE
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
    let reread = arguments.reread();
    let config = arguments.into_config()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Signals are caught before the server says that it is ready.
    let (mut interrupt, mut terminate, hangup) = {
        let _context = runtime.enter();
        // Otherwise SIGHUP ends the process, as it does by default.
        let is_caught = command.is_empty() && reread.is_given;
        let hangup = is_caught.then(|| signal(SignalKind::hangup())).transpose()?;
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, hangup)
    };
    let cloud = Cloud::start(config)?;
    let code = runtime.block_on(async {
        if command.is_empty() {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                () = reread.keep_reading(&cloud, hangup) => {}
            }
            Ok(ExitCode::SUCCESS)
        } else {
            exec::run(&cloud, &command, &mut interrupt, &mut terminate).await
        }
    })?;
    cloud.stop()?;
    Ok(code)
}
