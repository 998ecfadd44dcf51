//! How many of an image's layers are its Dockerfile's own, and not its base image's.

use super::dockerfile::{Instruction, instructions};

/// At most so many: what an instruction adds is one layer or none.
pub(super) fn layers(dockerfile: &str, target: Option<&str>) -> usize {
    let all = instructions(dockerfile);
    let adds = |one: &&Instruction| matches!(one.keyword.as_str(), "RUN" | "COPY" | "ADD" | "WORKDIR");
    // A name that an argument decides may be that of any stage.
    if all.iter().any(|one| one.base().is_some_and(|base| base.contains('$'))) {
        return all.iter().filter(adds).count();
    }
    let named = |name: &str| {
        let name = name.to_lowercase();
        let by_name = all.iter().rfind(|one| one.name.as_deref() == Some(&name)).map(|one| one.stage);
        by_name.or_else(|| name.parse().ok())
    };
    let last = all.last().map_or(0, |one| one.stage);
    let mut stage = target.and_then(named).unwrap_or(last);
    let mut count = 0;
    loop {
        let of = |one: &&Instruction| one.stage == stage;
        count += all.iter().filter(of).filter(adds).count();
        let base = all.iter().filter(of).find_map(Instruction::base);
        // A stage is made of one before it.
        match base.and_then(|base| all.iter().find(|one| one.stage < stage && one.name.as_ref() == Some(&base))) {
            Some(below) => stage = below.stage,
            None => return count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::layers;

    #[test]
    fn the_layers_of_the_stages_that_an_image_is_made_of_are_counted() {
        let file = "FROM a AS tools\nRUN 1\nRUN 2\nFROM b AS base\nCOPY x /\nENV A=1\nFROM Base AS app\nWORKDIR /w\nADD y /\n\
                    COPY --from=tools z /\nFROM base AS other\nRUN 3\n";
        for (target, count) in
            [(None, 2), (Some("app"), 4), (Some("APP"), 4), (Some("2"), 4), (Some("tools"), 2), (Some("base"), 1)]
        {
            assert_eq!(layers(file, target), count, "{target:?}");
        }
        assert_eq!(layers(&format!("ARG S=app\n{file}FROM $S\nRUN 4\n"), None), 8, "which stage it is made of is not known");
        assert_eq!(layers("FROM scratch\n", None), 0);
    }
}
