//! The page `docs/reference.md`: every key of the pipeline file, from the schema.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::VARIABLE;

/// What texts of a form look like; a form that is not here is a text.
const FORMS: [(&str, &str); 8] = [
    ("[0-9]+(ms|s|m|h)", "time, e.g. `90s`, `5m`"),
    ("[0-9]+[mhd]", "age, e.g. `7d`"),
    ("[0-9]{4}-[0-9]{2}-[0-9]{2}", "day, e.g. `2027-01-31`"),
    (r"[0-9]+(\.[0-9])?%", "share, e.g. `10%`"),
    (r"[0-9]+(\.[0-9]{1,4})?%", "part, e.g. `1%`"),
    ("[0-9]+ ?(requests)?", "`500 requests`"),
    ("[0-9]{12}", "12 digits, in quotes"),
    (r"(sbom|provenance|[^/ ]+/[^/ ]+)", "`sbom`, `provenance` or an artifact type"),
];

/// The page, from the schema.
pub fn markdown(schema: &Value) -> String {
    let mut page = String::from(
        "# The pipeline file\n\n\
         Every key of `shipit.yaml`. An editor knows them too: `shipit schema > schema.json`, and in the file's first line\n\
         `# yaml-language-server: $schema=./schema.json`. A key that is not here is refused, with its line and the nearest one.\n\n\
         Paths are relative to the file. `${env:NAME}` and `${env:NAME:-default}` are filled in anywhere; one that is not set and\n\
         has no default is refused. A flag beats the environment variable, that beats `environments:`, that beats the rest of\n\
         the file; `shipit plan` tells where a surprising value came from.\n\n\
         This page is written by `shipit schema --markdown > docs/reference.md`.\n",
    );
    section(&mut page, "The file", schema);
    let definitions = schema["definitions"].as_object();
    for (name, definition) in definitions.into_iter().flatten().filter(|(name, _)| !name.ends_with("InPart")) {
        section(&mut page, &title(name), definition);
    }
    page
}

fn section(page: &mut String, title: &str, schema: &Value) {
    let told = schema["description"].as_str().map(|text| text.replace('\n', " ")).unwrap_or_default();
    // Writing to a text cannot fail.
    let _ = write!(page, "\n## {title}\n\n{told}\n");
    if let Some(keys) = schema["properties"].as_object() {
        page.push_str(&keys_of(keys, &schema["required"]));
    } else if let Some(words) = schema["oneOf"].as_array() {
        page.push_str("\n| word | means |\n|---|---|\n");
        for word in words {
            let _ = writeln!(page, "| `{}` | {} |", text(&word["const"]), cell(&word["description"]));
        }
    } else {
        let _ = write!(page, "\n{}\n", kind(schema));
    }
}

fn keys_of(keys: &Map<String, Value>, required: &Value) -> String {
    let mut table = String::from("\n| key | value | |\n|---|---|---|\n");
    for (key, value) in keys {
        let needed = required.as_array().is_some_and(|all| all.iter().any(|one| one == key));
        let mark = if needed { " (needed)" } else { "" };
        let _ = writeln!(table, "| `{key}`{mark} | {} | {} |", kind(value), cell(&value["description"]));
    }
    table
}

/// What a value is, in words.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        let title = title(name);
        return format!("[{title}](#{})", title.to_lowercase().replace(' ', "-"));
    }
    if let Some(all) = schema["anyOf"].as_array() {
        let mut kinds: Vec<String> = Vec::new();
        for kind in all.iter().filter(|one| !is_said_elsewhere(one)).map(kind) {
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        return kinds.join(" or ");
    }
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().map(|word| format!("`{}`", text(word))).collect::<Vec<_>>().join(", ");
    }
    let kinds = schema["type"].as_array().map_or_else(|| vec![&schema["type"]], |all| all.iter().collect());
    match kinds.first().map(|kind| text(kind)).unwrap_or_default() {
        "array" => format!("list of {}", kind(&schema["items"])),
        "object" if schema["additionalProperties"]["properties"].is_object() => "by name: what is laid over the rest".to_owned(),
        "object" => format!("by name: {}", kind(&schema["additionalProperties"])),
        "boolean" => "`true`, `false`".to_owned(),
        "integer" => number(&schema["minimum"], &schema["maximum"]),
        "number" => "number".to_owned(),
        _ => form(text(&schema["pattern"])).to_owned(),
    }
}

/// Nothing at all, a variable, and a number that is written as text.
fn is_said_elsewhere(schema: &Value) -> bool {
    let pattern = text(&schema["pattern"]);
    schema["type"] == "null" || pattern == VARIABLE || pattern == format!("^[0-9]+$|{VARIABLE}")
}

fn form(pattern: &str) -> &'static str {
    let found = FORMS.iter().find(|(form, _)| pattern == format!("^{form}$|{VARIABLE}"));
    found.map_or("text", |(_, words)| words)
}

fn number(least: &Value, most: &Value) -> String {
    match (least.as_i64(), most.as_i64()) {
        (Some(least), Some(most)) if most < i64::from(i32::MAX) => format!("number, {least} to {most}"),
        (Some(least), _) => format!("number, {least} or more"),
        _ => "number".to_owned(),
    }
}

/// `NotSecret` as people write it: `Not secret`.
fn title(name: &str) -> String {
    let mut title = String::new();
    for (at, letter) in name.char_indices() {
        if at > 0 && letter.is_uppercase() {
            title.push(' ');
            title.extend(letter.to_lowercase());
        } else {
            title.push(letter);
        }
    }
    title
}

fn cell(value: &Value) -> String {
    text(value).replace('\n', " ").replace('|', "\\|")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::schema;
    use super::markdown;

    #[test]
    fn the_page_in_the_repository_is_the_one_the_schema_gives() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference.md");
        let wanted = markdown(&schema());
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &wanted).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == wanted, "`docs/reference.md` is behind the schema: `shipit schema --markdown > docs/reference.md`");
    }

    #[test]
    fn every_key_and_every_word_is_told_and_every_value_has_a_kind() {
        let (schema, page) = (schema(), markdown(&schema()));
        let definitions = schema["definitions"].as_object().unwrap();
        let all = definitions.iter().filter(|(name, _)| !name.ends_with("InPart")).map(|(_, one)| one).chain([&schema]);
        for definition in all {
            for key in definition["properties"].as_object().into_iter().flatten().map(|(key, _)| key) {
                assert!(page.contains(&format!("| `{key}`")), "{key}");
            }
            for word in definition["oneOf"].as_array().into_iter().flatten() {
                assert!(page.contains(&format!("| `{}` |", word["const"].as_str().unwrap())), "{word}");
            }
        }
        let empty: Vec<&str> = page.lines().filter(|line| line.contains("|  |") || line.contains("by name:  ")).collect();
        assert!(empty.is_empty(), "{empty:#?}");
        for kind in
            ["| `account` | 12 digits", "| `bake` | time, e.g. `90s`", "| `fail_on` | `critical`, `high`", "list of share"]
        {
            assert!(page.contains(kind), "{kind}");
        }
    }
}
