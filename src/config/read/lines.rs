//! Where the keys of a service and the members of its task definition stand.

use std::sync::Arc;

use shipit_core::pipeline::{Lines, Name, Part};

use super::At;
use super::field::Field;
use crate::config::compose::parse;
use crate::config::source::Source;
use crate::config::tree::{Content, Node, Scalar};

/// Of a service, its keys and theirs.
pub(super) fn of_service(name: &At<Name>, field: &Field<'_>, lines: &mut Lines) {
    lines.take(Part::Service, name.place.line());
    for entry in field.node().entries() {
        let key = &entry.key.text;
        lines.take(Part::Key(key.clone()), entry.key.place.line());
        for inner in entry.value.entries() {
            lines.take(Part::Key(format!("{key}.{}", inner.key.text)), inner.key.place.line());
        }
    }
}

/// Of a task definition, JSON or YAML. JSON that YAML does not read has no lines, which is no fault.
pub(super) fn of_definition(source: &Arc<Source>, lines: &mut Lines) {
    let Ok(root) = parse(source, &mut Vec::new()) else { return };
    let inner = root.get("taskDefinition").filter(|inner| !inner.entries().is_empty()).unwrap_or(&root);
    lines.take(Part::Definition, inner.place.line());
    for entry in inner.entries() {
        lines.take(Part::Member(entry.key.text.clone()), entry.key.place.line());
    }
    let Some(Node { content: Content::List(containers), .. }) = inner.get("containerDefinitions") else { return };
    for container in containers {
        let Some(Node { content: Content::Scalar(Scalar { text: name, .. }), .. }) = container.get("name") else { continue };
        lines.take(Part::Container(name.clone()), container.place.line());
        for entry in container.entries() {
            lines.take(Part::Of(name.clone(), entry.key.text.clone()), entry.key.place.line());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source::SourceKind;

    fn told(text: &str) -> Vec<String> {
        let source = Arc::new(Source { kind: SourceKind::File, name: "web.json".into(), text: text.into() });
        let mut lines = Lines::default();
        of_definition(&source, &mut lines);
        let of = |name: &str, member: &str| Part::Of(name.into(), member.into());
        let parts = [
            ("definition", Part::Definition),
            ("memory", Part::Member("memory".into())),
            ("web", Part::Container("web".into())),
            ("web's health check", of("web", "healthCheck")),
            ("proxy's image", of("proxy", "image")),
        ];
        let told = parts.into_iter().filter_map(|(name, part)| Some((name, lines.first([part])?)));
        told.map(|(name, at)| format!("{name} {}:{}:{}", at.file, at.line, at.column.unwrap_or_default())).collect()
    }

    #[test]
    fn members_stand_where_json_and_yaml_have_them() {
        let json = r#"{
  "family": "shop", "memory": "512",
  "containerDefinitions": [
    { "name": "web", "image": "a\/b:\u00e9",
      "healthCheck": { "command": ["CMD-SHELL", "curl -f http://localhost || exit 1"] } },
    {
      "name": "proxy",
      "image": "p"
    }
  ]
}"#;
        let expected = ["definition web.json:1:1", "memory web.json:2:21", "web web.json:4:5", "web's health check web.json:5:7"];
        assert_eq!(told(json)[..4], expected);
        assert_eq!(told(json)[4], "proxy's image web.json:8:7");
        // As `aws ecs describe-task-definition` gives it, indented with tabs, with the line ends of Windows.
        let wrapped = format!("{{\"taskDefinition\": {json},\n\"tags\": []}}");
        assert_eq!(told(&wrapped)[1..], told(json)[1..]);
        assert_eq!(told(&json.replace("    {", "\t{").replace('\n', "\r\n"))[4], "proxy's image web.json:8:7");
        let yaml = "family: shop\nmemory: 512\ncontainerDefinitions:\n- name: web\n  healthCheck: {command: [CMD, a]}\n- {name: proxy, image: p}\n";
        let expected = [
            "definition web.json:1:1",
            "memory web.json:2:1",
            "web web.json:4:3",
            "web's health check web.json:5:3",
            "proxy's image web.json:6:17",
        ];
        assert_eq!(told(yaml), expected);
    }

    #[test]
    fn json_that_yaml_does_not_read_is_no_fault() {
        assert_eq!(told("{\"family\": \"\\ud83d\\ude00\", \"memory\": \"1\"").len(), 0);
        assert_eq!(told("").len(), 0);
        assert_eq!(told("[1]"), ["definition web.json:1:1"]);
    }
}
