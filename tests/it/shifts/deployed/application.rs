//! The application that is deployed: one image, whose environment says which version it is and what is wrong with it.

use serde_json::{Value, json};

use super::world::World;

/// A version of the application.
#[derive(Clone, Copy, Debug)]
pub struct Version {
    /// What it answers.
    pub number: u32,
    /// `fine`, `crash`, `unhealthy`, `broken`: see the task definition.
    pub kind: &'static str,
}

impl Version {
    /// It serves.
    pub fn fine(number: u32) -> Self {
        Self { number, kind: "fine" }
    }
}

/// `fine` serves, and `/guarded` only to who knows the password; `crash` ends at once, `unhealthy` serves but says that it is
/// not well, `broken` says that it is well and fails all other requests.
pub fn definition(name: &str, image: &str, version: &str, kind: &str) -> Value {
    let script = "\
        trap 'exit 0' TERM; mkdir /www; cd /www; echo $VERSION >api; [ $KIND = unhealthy ] || echo well >health; \
        echo open >guarded; echo /guarded:probe:s3cret >/etc/httpd.conf; \
        [ $KIND != crash ] || { echo 'no price list'; exit 1; }; \
        [ $KIND = broken ] || { httpd -f -p 8080 & wait; }; \
        reply='printf \"HTTP/1.1 %s\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\n%s\\n\"'; \
        printf '#!/bin/sh\\nread -r _ path _; while read -r line && [ ${#line} -gt 1 ]; do :; done\\n\
        case $path in /health) %s 200 $VERSION ;; *) %s 500 $VERSION ;; esac\\n' \"$reply\" \"$reply\" >/answer; \
        chmod +x /answer; nc -llllllllllllllll -p 8080 -e /answer & wait";
    let environment = json!([{"name": "VERSION", "value": version}, {"name": "KIND", "value": kind}]);
    json!({
        "family": name, "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
        "executionRoleArn": World::role(),
        "containerDefinitions": [{
            "name": "web", "image": image, "essential": true, "stopTimeout": 2, "portMappings": [{"containerPort": 8080}],
            "command": ["sh", "-c", script], "environment": environment,
        }],
    })
}

/// What the pipeline's file has.
pub fn template(name: &str) -> Value {
    definition(name, "filled in", "${env:VERSION}", "${env:KIND}")
}
