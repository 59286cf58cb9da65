//! `token-exchange-lint`: looks at the configuration of the filter before a gateway loads it.

use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;
use token_exchange_lint::{self as lint, Line, Verdict};

const USAGE: &str = "\
Looks at the configuration of the filter token_exchange before a gateway loads it.

usage: token-exchange-lint [--quiet] FILE...
       token-exchange-lint --convert FILE...

FILE is a configuration (JSON), a file for Kong or decK, or one for Envoy, Istio
or Envoy Gateway (YAML or JSON); - is standard input. Of Kong's it may be a whole
declaration, a list of plugins, an entry as the Admin API and Konnect have it, a
KongPlugin, or what `terraform show -json` writes. Each field that is written is
  supported   the filter acts on it
  host        the gateway does it, by the setting that is named
  refused     the filter cannot do it
  mistake     it is written wrongly, or is missing
  unknown     its value is not known here: set the environment variable to know
  warning     valid, but worth reviewing

  -q, --quiet    print only what is refused, a mistake or a warning
  -c, --convert  make a filter chain of each entry of the plugin ai-mcp-oauth2:
                 the chain, and the guard where there is none, on standard
                 output, what changes on standard error
  -h, --help     this text
  -V, --version  the version

Exit status: 0 where all is fine or there are only warnings, 1 where something is
refused or a mistake, such as a filter that fails open, 2 where there is nothing
to look at.
";

/// What the command line asks for.
#[derive(Default)]
struct Command {
    convert: bool,
    quiet: bool,
    files: Vec<String>,
}

/// How it went; the greatest is the exit status.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Fine,
    Mistakes,
    Unusable,
}

fn main() -> ExitCode {
    let mut output = String::new();
    let (outcome, errors) = match parse(lexopt::Parser::from_env(), &mut output) {
        Ok(Some(command)) => run(&command, &mut output),
        Ok(None) => (Outcome::Fine, String::new()),
        Err(error) => (Outcome::Unusable, format!("{error}\n\n{USAGE}")),
    };
    // The reader has closed the pipe.
    let _ = io::stderr().write_all(errors.as_bytes());
    let _ = io::stdout().write_all(output.as_bytes());
    match outcome {
        Outcome::Fine => ExitCode::SUCCESS,
        Outcome::Mistakes => ExitCode::from(1),
        Outcome::Unusable => ExitCode::from(2),
    }
}

/// The command, or none where a text in `output` is all that was asked for.
fn parse(mut arguments: lexopt::Parser, output: &mut String) -> Result<Option<Command>, lexopt::Error> {
    use lexopt::prelude::{Long, Short, Value};
    let mut command = Command::default();
    while let Some(argument) = arguments.next()? {
        match argument {
            Short('c') | Long("convert") => command.convert = true,
            Short('q') | Long("quiet") => command.quiet = true,
            Short('h') | Long("help") => {
                output.push_str(USAGE);
                return Ok(None);
            }
            Short('V') | Long("version") => {
                let _ = writeln!(output, "token-exchange-lint {}", env!("CARGO_PKG_VERSION"));
                return Ok(None);
            }
            Value(file) => command.files.push(file.into_string()?),
            other => return Err(other.unexpected()),
        }
    }
    if command.files.is_empty() {
        return Err(lexopt::Error::from("name a file, or - for standard input"));
    }
    Ok(Some(command))
}

fn run(command: &Command, output: &mut String) -> (Outcome, String) {
    let mut errors = String::new();
    let mut worst = Outcome::Fine;
    for file in &command.files {
        let outcome = match read(file) {
            Err(error) => Err(error),
            Ok(text) if command.convert => convert(file, &text, output, &mut errors),
            Ok(text) => check(file, &text, command.quiet, output),
        };
        let outcome = outcome.unwrap_or_else(|sentence| {
            let _ = writeln!(errors, "{file}: {sentence}");
            Outcome::Unusable
        });
        worst = worst.max(outcome);
    }
    (worst, errors)
}

fn read(file: &str) -> Result<String, String> {
    let mut text = String::new();
    let read = match file {
        "-" => io::stdin().read_to_string(&mut text).map(|_| text),
        file => std::fs::read_to_string(file),
    };
    read.map_err(|error| error.to_string())
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn check(file: &str, text: &str, quiet: bool, output: &mut String) -> Result<Outcome, String> {
    let mut outcome = Outcome::Fine;
    for findings in lint::check(text, &environment)? {
        if findings.is_fatal() {
            outcome = Outcome::Mistakes;
        }
        let is_shown = |line: &&Line| !quiet || line.verdict.is_fatal() || line.verdict == Verdict::Warning;
        let lines: Vec<_> = findings.lines.iter().filter(is_shown).collect();
        if !lines.is_empty() || !quiet {
            let _ = writeln!(output, "{}", heading(file, &findings.place));
        }
        for line in lines {
            let _ = writeln!(output, "  {line}");
        }
    }
    Ok(outcome)
}

fn convert(file: &str, text: &str, output: &mut String, errors: &mut String) -> Result<Outcome, String> {
    let mut outcome = Outcome::Fine;
    for converted in lint::convert(text, &environment)? {
        if converted.is_fatal() {
            outcome = Outcome::Mistakes;
        }
        let heading = heading(file, &converted.place);
        let _ = writeln!(errors, "{heading}");
        for line in &converted.lines {
            let _ = writeln!(errors, "  {line}");
        }
        let _ = writeln!(output, "# in place of the plugin at {heading}\n{}", converted.chain.trim_end());
    }
    Ok(outcome)
}

fn heading(file: &str, place: &str) -> String {
    if place.is_empty() { file.to_owned() } else { format!("{file}: {place}") }
}
