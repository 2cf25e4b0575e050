//! The program `iot-coap-cloud`: a server for development, and a runner of
//! commands against one.

#![forbid(unsafe_code)]

mod cli;
mod exec;
mod manual_page;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use iot_coap_cloud::Cloud;
use tokio::signal::unix::{Signal, SignalKind, signal};

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
    let command = arguments.command.clone();
    let keys = arguments.key_file.clone();
    let config = arguments.into_config()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Signals are caught before the server says that it is ready.
    let (mut interrupt, mut terminate, reread) = {
        let _context = runtime.enter();
        // With a command, or without a file to read again, SIGHUP ends the process, as it does
        // by default.
        let reread = match keys.filter(|_| command.is_empty()) {
            Some(file) => Some((file, signal(SignalKind::hangup())?)),
            None => None,
        };
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, reread)
    };
    let cloud = Cloud::start(config)?;
    let code = runtime.block_on(async {
        if command.is_empty() {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                () = keep_reading(&cloud, reread) => {}
            }
            Ok(ExitCode::SUCCESS)
        } else {
            exec::run(&cloud, &command, &mut interrupt, &mut terminate).await
        }
    })?;
    cloud.stop()?;
    Ok(code)
}

/// Reads the keys again at each SIGHUP.
async fn keep_reading(cloud: &Cloud, reread: Option<(PathBuf, Signal)>) {
    if let Some((file, mut hangup)) = reread {
        while hangup.recv().await.is_some() {
            cloud.reload_keys(&file);
        }
    }
    std::future::pending::<()>().await;
}
