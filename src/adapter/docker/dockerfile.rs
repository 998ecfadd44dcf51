//! As much of a Dockerfile as it takes to say which line failed: its instructions, their lines and stages.

/// One instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    /// From 1.
    pub(super) line: usize,
    /// From 0; what stands in front of the first `FROM` has stage 0 too.
    pub(super) stage: usize,
    /// Upper case.
    pub(super) keyword: String,
    /// As it stands in the file, on one line.
    pub(super) text: String,
    /// `FROM … AS name`.
    pub(super) name: Option<String>,
}

impl Instruction {
    /// What a `FROM` begins with.
    pub(super) fn base(&self) -> Option<String> {
        let mut words = self.text.split_whitespace().skip(1).skip_while(|word| word.starts_with("--"));
        words.next().filter(|_| self.keyword == "FROM").map(str::to_lowercase)
    }
}

/// The instructions in order; continued lines are joined, comments and the bodies of here-documents are not instructions.
pub(super) fn instructions(text: &str) -> Vec<Instruction> {
    let escape = escape(text);
    let mut found: Vec<Instruction> = Vec::new();
    let mut stage = None;
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        let mut whole = String::new();
        let mut current = line;
        while let Some(head) = current.trim_end().strip_suffix(escape) {
            whole.push_str(head.trim());
            whole.push(' ');
            let is_text = |(_, line): &(usize, &str)| !line.trim().is_empty() && !line.trim_start().starts_with('#');
            let Some((_, next)) = lines.by_ref().find(is_text) else {
                current = "";
                break;
            };
            current = next;
        }
        whole.push_str(current.trim());
        let whole = whole.trim().to_owned();
        let (keyword, rest) = whole.split_once(char::is_whitespace).unwrap_or((&whole, ""));
        let keyword = keyword.to_ascii_uppercase();
        let mut name = None;
        if keyword == "FROM" {
            stage = Some(stage.map_or(0, |stage: usize| stage + 1));
            let words: Vec<&str> = rest.split_whitespace().collect();
            name = words.windows(2).find(|pair| pair[0].eq_ignore_ascii_case("as")).map(|pair| pair[1].to_lowercase());
        }
        if matches!(keyword.as_str(), "RUN" | "COPY" | "ADD") {
            for end in here_documents(rest) {
                lines.by_ref().find(|(_, line)| line.trim_start_matches('\t') == end);
            }
        }
        found.push(Instruction { line: at + 1, stage: stage.unwrap_or_default(), keyword, text: whole, name });
    }
    found
}

/// `# escape=` stands in front of everything else.
fn escape(text: &str) -> char {
    let directives = text.lines().map_while(|line| line.trim().strip_prefix('#'));
    directives
        .filter_map(|directive| directive.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("escape"))
        .and_then(|(_, value)| value.trim().chars().next())
        .unwrap_or('\\')
}

/// The words that end here-documents: `<<EOF`, `<<-'EOF'`.
fn here_documents(text: &str) -> Vec<String> {
    let starts = text.match_indices("<<").filter(|(at, _)| !text[at + 2..].starts_with('<') && !text[..*at].ends_with('<'));
    let word = |(at, _): (usize, &str)| {
        let rest = text[at + 2..].trim_start_matches('-');
        let word: String =
            rest.trim_start_matches(['"', '\'']).chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        // `1 << 2` is arithmetic.
        (!word.is_empty() && !word.starts_with(|c: char| c.is_ascii_digit())).then_some(word)
    };
    starts.filter_map(word).collect()
}

/// The instruction that BuildKit calls `[2/4] RUN …` or `[build 2/4] RUN …`.
pub(super) fn by_buildkit<'a>(all: &'a [Instruction], step: &str) -> Option<&'a Instruction> {
    let (label, text) = step.strip_prefix('[')?.split_once("] ")?;
    let (stage, number) = label.rsplit_once(' ').map_or((None, label), |(stage, number)| (Some(stage), number));
    let number: usize = number.split_once('/')?.0.parse().ok()?;
    let stage = match stage {
        None => all.last()?.stage,
        Some(name) => {
            let named = all.iter().find(|one| one.name.as_deref() == Some(name)).map(|one| one.stage);
            named.or_else(|| name.strip_prefix("stage-")?.parse().ok())?
        }
    };
    let counts = |one: &&Instruction| match one.keyword.as_str() {
        "RUN" | "COPY" | "ADD" | "WORKDIR" => true,
        // A base that is brought from elsewhere is a step; nothing, or a stage before, is none.
        "FROM" => {
            one.base().is_some_and(|base| base != "scratch" && !all.iter().any(|other| other.name.as_deref() == Some(&base)))
        }
        _ => false,
    };
    let one = all.iter().filter(|one| one.stage == stage).filter(counts).nth(number.checked_sub(1)?)?;
    // A count that went astray must not name a wrong line.
    text.to_ascii_uppercase().starts_with(&one.keyword).then_some(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# syntax=docker/dockerfile:1\nARG V=1\nFROM a AS Build\n\n# why\nRUN one \\\n  # inside\n  && two\n\
                        ENV X=1\nCOPY <<EOF /x\nRUN not\nEOF\nworkdir /w\nFROM b\nRUN $((1 << 2)) three\n";

    #[test]
    fn every_instruction_has_its_line() {
        let seen: Vec<_> = instructions(FILE).into_iter().map(|one| (one.line, one.stage, one.keyword)).collect();
        let seen: Vec<_> = seen.iter().map(|(line, stage, keyword)| (*line, *stage, keyword.as_str())).collect();
        assert_eq!(
            seen,
            [
                (2, 0, "ARG"),
                (3, 0, "FROM"),
                (6, 0, "RUN"),
                (9, 0, "ENV"),
                (10, 0, "COPY"),
                (13, 0, "WORKDIR"),
                (14, 1, "FROM"),
                (15, 1, "RUN")
            ]
        );
        assert_eq!(instructions(FILE)[2].text, "RUN one && two");
        assert_eq!(instructions("# escape=`\nRUN a `\n b\nRUN c\\").len(), 2);
        assert_eq!(instructions("RUN a \\").len(), 1);
    }

    #[test]
    fn a_step_of_buildkit_is_found() {
        let all = instructions(FILE);
        let line = |step: &str| by_buildkit(&all, step).map(|one| one.line);
        assert_eq!(line("[build 2/4] RUN one && two"), Some(6));
        assert_eq!(line("[build 4/4] WORKDIR /w"), Some(13));
        assert_eq!(line("[stage-1 2/2] RUN three"), Some(15));
        for (base, step) in
            [("build", "[stage-1 1/1] RUN x"), ("scratch", "[stage-1 1/1] RUN x"), ("--platform=p b", "[stage-1 2/2] RUN x")]
        {
            let all = instructions(&format!("FROM a AS build\nFROM {base}\nRUN x"));
            assert_eq!(by_buildkit(&all, step).map(|one| one.line), Some(3), "{base}");
        }
        assert_eq!(line("[2/2] RUN three"), Some(15));
        for no in ["[internal] load", "[other 2/2] RUN", "[2/2] COPY x", "[9/9] RUN", "[0/9] RUN", "exporting", ""] {
            assert_eq!(line(no), None, "{no}");
        }
    }
}
