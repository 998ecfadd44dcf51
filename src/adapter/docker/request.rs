//! What bollard's requests lack, put right just before they go out.

use bollard::BollardRequest;

/// The Engine reads the registry headers in base64's URL alphabet and takes anything else for "no login"; bollard writes the
/// standard one.
pub(super) fn header_alphabet(mut request: BollardRequest) -> BollardRequest {
    for name in ["x-registry-auth", "x-registry-config"] {
        if let Some(value) = request.headers_mut().get_mut(name)
            && let Some(fixed) = value.to_str().ok().and_then(|text| text.replace('+', "-").replace('/', "_").parse().ok())
        {
            *value = fixed;
        }
    }
    request
}

/// A build that goes to BuildKit with a session of our own. bollard would open one that serves no files.
pub(super) fn as_buildkit(request: BollardRequest) -> BollardRequest {
    with_address(header_alphabet(request), |address| address.replace("version=1", "version=2"))
}

/// A push whose lines are read as those of a pull: they have the same shape, but bollard drops the layer's id from a push.
pub(super) fn as_push(request: BollardRequest, repository: &str) -> BollardRequest {
    with_address(header_alphabet(request), |address| address.replace("/images/create?", &format!("/images/{repository}/push?")))
}

fn with_address(mut request: BollardRequest, change: impl Fn(&str) -> String) -> BollardRequest {
    if let Ok(changed) = change(&request.uri().to_string()).parse() {
        *request.uri_mut() = changed;
    }
    request
}
