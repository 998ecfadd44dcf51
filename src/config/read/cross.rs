//! What has to fit between images and services.

use std::collections::BTreeSet;

use super::Reading;
use super::image::RawImage;
use super::service::RawService;
use super::spelling;
use crate::config::complaint::Complaint;
use crate::config::source::Place;

/// Every image that a container names is there, every image that is there is used, and no two share a repository.
pub(super) fn check_images(images: &[RawImage], services: &[RawService], reading: &mut Reading<'_>) {
    let known: Vec<&str> = images.iter().map(|image| image.name.value.as_str()).collect();
    let named = || services.iter().filter_map(|service| service.containers.as_ref()).flatten().map(|(_, image)| image);
    let unknown: Vec<_> = named().filter(|image| !known.contains(&image.value.as_str())).collect();
    for image in &unknown {
        let help = spelling::help(&image.value, &known, "images");
        let text = format!("there is no image `{}`", image.value);
        reading.complain(Complaint { help, ..Complaint::new(image.place.clone(), text) });
    }
    // A container that could not be read, or that names no image, may have meant the one that nobody uses.
    if unknown.is_empty() && !services.is_empty() && services.iter().all(|service| service.containers.is_some()) {
        for image in images.iter().filter(|image| named().all(|named| named.value != image.name.value)) {
            let text = format!("no container uses the image `{}`", image.name.value);
            let complaint = Complaint::new(image.name.place.clone(), text);
            reading.complain(complaint.help("name it under `containers:` of a service, or remove it"));
        }
    }
    for (index, image) in images.iter().enumerate() {
        let Some(repository) = &image.repository else { continue };
        let mut before = images[..index].iter();
        let same = before.find(|other| other.repository.as_ref().is_some_and(|other| other.value == repository.value));
        if let Some(same) = same {
            let text = format!(
                "the images `{}` and `{}` share the repository `{}`",
                same.name.value, image.name.value, repository.value
            );
            reading.complain(
                Complaint::new(repository.place.clone(), text).help("both would be tagged with the commit: give each its own"),
            );
        }
    }
}

/// No two entries are the same ECS service.
pub(super) fn check_services(services: &[RawService], reading: &mut Reading<'_>) {
    for (index, service) in services.iter().enumerate() {
        let Some(name) = &service.service else { continue };
        let same = services[..index].iter().find(|other| other.service.as_ref().is_some_and(|other| other.value == name.value));
        if let Some(same) = same {
            let text = format!("`{}` and `{}` are both the service `{}`", same.name.value, service.name.value, name.value);
            reading.complain(Complaint::new(name.place.clone(), text));
        }
    }
}

/// Every service that another needs is there, and none needs itself, directly or around corners.
pub(super) fn check_needs(services: &[RawService], reading: &mut Reading<'_>) {
    let known: Vec<&str> = services.iter().map(|service| service.name.value.as_str()).collect();
    for service in services {
        for need in service.needs.iter().filter(|need| !known.contains(&need.value.as_str())) {
            let help = spelling::help(&need.value, &known, "services");
            let text = format!("there is no service `{}`", need.value);
            reading.complain(Complaint { help, ..Complaint::new(need.place.clone(), text) });
        }
    }
    for (circle, place) in circles(services) {
        let text = match circle.as_slice() {
            [only] => format!("`{only}` needs itself"),
            names => {
                let next = names.iter().cycle().skip(1);
                let needs: Vec<String> = names.iter().zip(next).map(|(name, next)| format!("`{name}` needs `{next}`")).collect();
                format!("a circle: {}", needs.join(", "))
            }
        };
        reading.complain(Complaint::new(place, text));
    }
}

/// Circles of `needs`, each service in at most one of them, with the place of the need that closes it.
fn circles(services: &[RawService]) -> Vec<(Vec<&str>, Place)> {
    let mut left: BTreeSet<&str> = services.iter().map(|service| service.name.value.as_str()).collect();
    let mut found = Vec::new();
    loop {
        while let Some(free) =
            services.iter().find(|service| left.contains(service.name.value.as_str()) && next(service, &left).is_none())
        {
            left.remove(free.name.value.as_str());
        }
        let Some(start) = services.iter().find(|service| left.contains(service.name.value.as_str())) else { return found };
        let mut walk: Vec<&RawService> = vec![start];
        while let Some(need) = walk.last().and_then(|service| next(service, &left)) {
            let name = need.value.as_str();
            if let Some(begin) = walk.iter().position(|service| service.name.value == name) {
                let circle: Vec<&str> = walk[begin..].iter().map(|service| service.name.value.as_str()).collect();
                left.retain(|name| !circle.contains(name));
                found.push((circle, need.place.clone()));
                break;
            }
            match services.iter().find(|service| service.name.value == name) {
                Some(service) => walk.push(service),
                None => break,
            }
        }
    }
}

/// The first of its needs that is left.
fn next<'s>(service: &'s RawService, left: &BTreeSet<&str>) -> Option<&'s super::At<String>> {
    service.needs.iter().find(|need| left.contains(need.value.as_str()))
}
