//! `lycaon login`, `logout`, `whoami`: the API of a server.

use std::io::{IsTerminal, Read, Write};

use api::LoginRequest;
use api_client::{Client, Connection};
use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers};

use crate::complaint::{Complaint, Outcome};
use crate::credentials::{self, Login};
use crate::output::{OutputArgs, record_of};
use crate::remote::{ServerArgs, block_on};

const DEFAULT_SERVER: &str = "http://127.0.0.1:8889";

/// Sign in to a server and keep the token
///
/// The token is kept in a private file in your configuration folder and used by every later command.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  lycaon login --server http://127.0.0.1:8889 --user admin")]
pub(crate) struct LoginArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// User name
    #[arg(long, short, default_value = "admin")]
    user: String,
    /// Read the password from this file, `-` for standard input [default: LYCAON_PASSWORD, or ask]
    #[arg(long, value_name = "FILE")]
    password_file: Option<String>,
    /// Accept this certificate authority (PEM) besides the usual ones
    #[arg(long, value_name = "FILE")]
    ca: Option<std::path::PathBuf>,
}

/// Forget the token of a server and end its session
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  lycaon logout")]
pub(crate) struct LogoutArgs {
    #[command(flatten)]
    server: ServerArgs,
}

/// Show who you are on the server
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  lycaon whoami --format json")]
pub(crate) struct WhoAmIArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) fn login(args: LoginArgs) -> Outcome {
    let mut kept = credentials::load()?;
    let server = args.server.server.clone().or(kept.current.clone());
    let server = server.unwrap_or_else(|| DEFAULT_SERVER.into()).trim_end_matches('/').to_owned();
    let authority_pem = match &args.ca {
        Some(path) => {
            Some(std::fs::read_to_string(path).map_err(|e| Complaint::io("read", path, &e))?)
        }
        None => kept.servers.get(&server).and_then(|login| login.authority_pem.clone()),
    };
    let connection =
        Connection { server: server.clone(), token: None, authority_pem: authority_pem.clone() };
    let client = Client::new(&connection)?;
    let password = password(&args, &server)?;
    let request = LoginRequest { user: args.user.clone(), password, token: true };
    let reply = block_on(async { Ok(client.login(&request).await?) })?;
    let login =
        Login { user: reply.user, token: reply.token, expires: reply.expires, authority_pem };
    let told = format!("signed in to {server} as {} until {}", login.user, login.expires);
    kept.servers.insert(server.clone(), login);
    kept.current = Some(server);
    let path = credentials::save(&kept)?;
    note(&format!("{told}; the token is kept in {}", path.display()));
    Ok(())
}

pub(crate) fn logout(args: LogoutArgs) -> Outcome {
    let client = args.server.client()?;
    let ended = block_on(async { Ok(client.logout().await?) });
    let mut kept = credentials::load()?;
    let server = args.server.server.clone().or(kept.current.clone()).unwrap_or_default();
    kept.servers.remove(server.trim_end_matches('/'));
    kept.current = kept.current.filter(|current| kept.servers.contains_key(current));
    credentials::save(&kept)?;
    ended
}

pub(crate) fn whoami(args: WhoAmIArgs) -> Outcome {
    let client = args.server.client()?;
    let mut me = record_of(&block_on(async { Ok(client.whoami().await?) })?);
    me.shift_remove("csrf");
    me.insert("server".into(), client.server().into());
    args.output.one(me)
}

/// Tells the person something that is not a record.
#[allow(clippy::print_stderr, reason = "notes go beside the records")]
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}

fn password(args: &LoginArgs, server: &str) -> Outcome<String> {
    let trimmed = |text: String| text.trim_end_matches(['\r', '\n']).to_owned();
    match args.password_file.as_deref() {
        Some("-") => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map_err(|error| {
                Complaint::failed(format!("cannot read the password from standard input: {error}"))
            })?;
            Ok(trimmed(text))
        }
        Some(path) => {
            let path = std::path::Path::new(path);
            let text =
                std::fs::read_to_string(path).map_err(|e| Complaint::io("read", path, &e))?;
            Ok(trimmed(text))
        }
        None => match std::env::var("LYCAON_PASSWORD") {
            Ok(password) => Ok(password),
            Err(_) if std::io::stdin().is_terminal() => {
                ask(&format!("Password of {} on {server}: ", args.user))
            }
            Err(_) => Err(Complaint::usage("no password is given")
                .hint("set LYCAON_PASSWORD, or use --password-file FILE (`-` for standard input)")),
        },
    }
}

/// Reads a line from the terminal without showing it.
fn ask(prompt: &str) -> Outcome<String> {
    let mut out = std::io::stderr();
    write!(out, "{prompt}")?;
    out.flush()?;
    crossterm::terminal::enable_raw_mode()?;
    let answer = read_hidden();
    crossterm::terminal::disable_raw_mode()?;
    writeln!(out)?;
    answer
}

fn read_hidden() -> Outcome<String> {
    let mut typed = String::new();
    loop {
        let Event::Key(key) = crossterm::event::read()? else { continue };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        match key.code {
            KeyCode::Enter => return Ok(typed),
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                return Err(Complaint::failed("not signed in"));
            }
            KeyCode::Char(letter) => typed.push(letter),
            KeyCode::Backspace => {
                typed.pop();
            }
            _ => {}
        }
    }
}
