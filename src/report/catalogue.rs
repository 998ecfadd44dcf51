//! The catalogue of codes as a person reads it: one code, the list, and the page `docs/errors.md`.

use shipit_core::failure::{CODES, Code, Exit};

use super::Colour;

/// One code in full.
pub fn one(code: Code, colour: Colour) -> String {
    let exit = code.exit();
    let mut text = format!("{}: {}", bold(&code.to_string(), colour), code.meaning());
    for (label, lines) in [("because", code.causes()), ("next", code.remedies())] {
        for (at, line) in lines.iter().enumerate() {
            let label = if at == 0 { label } else { "" };
            text.push_str(&format!("\n  {label:<8} {line}"));
        }
    }
    text.push_str(&format!("\n  {:<8} {}: {}", "exit", exit.code(), exit.meaning()));
    if exit == Exit::Refused {
        text.push_str("\n           (1 where it happens after something has been done)");
    }
    text
}

/// All codes, one a line.
pub fn list(colour: Colour) -> String {
    let line = |code: &Code| format!("{}  {}", bold(&code.to_string(), colour), code.meaning());
    let lines: Vec<String> = CODES.iter().map(line).collect();
    format!("{}\n\nshipit explain <CODE> says what causes one and what to do", lines.join("\n"))
}

fn bold(text: &str, colour: Colour) -> String {
    match colour {
        Colour::Yes => format!("\u{1b}[1m{text}\u{1b}[0m"),
        Colour::No => text.to_owned(),
    }
}

/// The page.
pub fn markdown() -> String {
    let mut page = String::from(
        "# What can go wrong\n\n\
         Every failure has a stable code and four parts: what happened, why (`because`), how things stand (`now`), what to do\n\
         (`next`). `shipit explain SHIP503` tells the same as this page. A code with exit 2 is one that refuses before anything\n\
         was done; where the same happens in the middle of a run the exit says how the service stands: 1, 4, 5 or 6.\n\n\
         This page is written by `shipit explain --markdown > docs/errors.md`.\n\n| exit | means |\n|---|---|\n",
    );
    for exit in Exit::ALL {
        page.push_str(&format!("| {} | {} |\n", exit.code(), exit.meaning()));
    }
    let mut area = None;
    for code in CODES {
        let now = Area::of(*code);
        if area != Some(now) {
            page.push_str(&format!("\n## {}\n", now.title()));
            area = Some(now);
        }
        page.push_str(&format!("\n### {code}: {}\n\nExit {}.\n", code.meaning(), code.exit().code()));
        for (title, lines) in [("Because", code.causes()), ("Next", code.remedies())] {
            page.push_str(&format!("\n{title}:\n\n"));
            for line in lines {
                page.push_str(&format!("- {line}\n"));
            }
        }
    }
    page
}

/// Where a failure comes from: the hundreds of its number.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Area(u16);

impl Area {
    fn of(code: Code) -> Self {
        Area(code.number() / 100)
    }

    fn title(self) -> &'static str {
        match self.0 {
            0 => "Command line and pipeline file",
            1 => "Plan",
            2 => "Rollout",
            3 => "Source and build",
            4 => "Registry and gate",
            5 => "AWS",
            _ => "This machine",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_in_full() {
        insta::assert_snapshot!(one(Code::Throttled, Colour::No), @r"
        SHIP505: AWS throttles for longer than is sensible to wait
          because  other tools of the account ask too often: the limits hold for account and region
          next     run the same command again: what is done is not done twice
                   deploy fewer services at once, or ask AWS for higher limits
          exit     1: failed, and no service was changed
        ");
        insta::assert_snapshot!(one(Code::Denied, Colour::No), @r"
        SHIP503: AWS denies an operation
          because  the role's policy lacks an action, or names other resources
                   a permissions boundary, a service control policy or a session policy denies it
          next     add the statement that is shown to the role's policy
                   the role must also be allowed `iam:PassRole` on the task role and the execution role
          exit     2: refused before anything was done
                   (1 where it happens after something has been done)
        ");
    }

    #[test]
    fn the_page_in_the_repository_is_the_one_the_code_writes() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md");
        let wanted = markdown();
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &wanted).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == wanted, "`docs/errors.md` is behind the code: `shipit explain --markdown > docs/errors.md`");
    }
}
