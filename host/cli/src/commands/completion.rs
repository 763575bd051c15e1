//! `millrace completion`: what a shell or `man` reads, made from the command line's own definition.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::exit::{Exit, Failure};
use crate::terminal;

/// Arguments of `millrace completion`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  source <(millrace completion bash)\n  millrace completion fish > ~/.config/fish/completions/millrace.fish\n  millrace completion man --dir ~/.local/share/man/man1"
)]
pub struct Completion {
    /// Who reads it.
    #[arg(value_enum)]
    reader: Reader,
    /// With `man`: write a page for each subcommand into this folder.
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

/// Shells, and man.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Reader {
    Bash,
    Elvish,
    Fish,
    /// PowerShell.
    Powershell,
    Zsh,
    /// Man pages.
    Man,
}

impl Completion {
    /// Prints or writes it.
    pub fn execute(self) -> Result<Exit, Failure> {
        let shell = match self.reader {
            Reader::Bash => Shell::Bash,
            Reader::Elvish => Shell::Elvish,
            Reader::Fish => Shell::Fish,
            Reader::Powershell => Shell::PowerShell,
            Reader::Zsh => Shell::Zsh,
            Reader::Man => return man(self.dir).map_err(Failure::machine),
        };
        if self.dir.is_some() {
            return Err(Failure::usage("--dir goes with `man` only"));
        }
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut Arguments::command(), "millrace", &mut text);
        terminal::answer(&String::from_utf8_lossy(&text));
        Ok(Exit::Ok)
    }
}

fn man(folder: Option<PathBuf>) -> anyhow::Result<Exit> {
    let command = Arguments::command().disable_help_subcommand(true);
    match folder {
        Some(folder) => {
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
            clap_mangen::generate_to(command, &folder)
                .with_context(|| format!("cannot write man pages into {}", folder.display()))?;
        }
        None => {
            let mut text = Vec::new();
            clap_mangen::Man::new(command).render(&mut text).context("cannot write the man page")?;
            terminal::answer(&String::from_utf8_lossy(&text));
        }
    }
    Ok(Exit::Ok)
}
