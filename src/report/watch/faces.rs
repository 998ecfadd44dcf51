//! The faces of a watch: a drawing on a terminal, lines elsewhere, JSON for programs.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde_json::Value;
use shipit_core::event::Event;
use shipit_core::plan::StepId;

use super::super::lines::Lines;
use super::super::terminal::{Live, Stream, ended, frame, locked};
use super::super::{Colour, Reporter, ink, json};
use super::services::words;
use super::{About, Moment, Place, Standing, Watch};

/// Shows what is watched. It cannot fail and does not block.
pub trait Face: Send {
    /// Who works in the folder now.
    fn place(&mut self, place: Place);
    /// An event of the run of this folder.
    fn run(&mut self, moment: &Moment);
    /// What a look at AWS showed.
    fn service(&mut self, standing: Standing, moments: &[Moment]);
    /// A look that was not answered.
    fn silent(&mut self, since: Timestamp, why: &str);
    /// The run has ended, and with it the watch.
    fn over(&mut self);
    /// The person has seen enough.
    fn left(&mut self);
}

/// A drawing on stdout, which must be a terminal.
pub struct Screen {
    watch: Arc<Mutex<Watch>>,
    live: Live,
    colour: Colour,
}

impl Screen {
    /// Begins to draw.
    pub fn new(about: About) -> Self {
        let watch = Arc::new(Mutex::new(Watch::new(about)));
        let (drawn, colour) = (Arc::clone(&watch), Colour::of_stdout());
        let live = Live::new(Stream::Stdout, move |canvas| locked(&drawn).draw(&frame(canvas, colour), canvas.height));
        live.begin();
        Self { watch, live, colour }
    }
}

impl Face for Screen {
    fn place(&mut self, place: Place) {
        locked(&self.watch).place(place);
    }

    fn run(&mut self, moment: &Moment) {
        locked(&self.watch).run(moment);
    }

    fn service(&mut self, standing: Standing, moments: &[Moment]) {
        locked(&self.watch).service(standing, moments);
    }

    fn silent(&mut self, since: Timestamp, why: &str) {
        locked(&self.watch).silent(since, why);
    }

    fn over(&mut self) {
        let (watch, colour) = (&self.watch, self.colour);
        self.live.end(|canvas| {
            let watch = locked(watch);
            let frame = frame(canvas, colour);
            let run = watch.run_view().map(|view| ended(view, &frame));
            run.into_iter().chain([watch.ending(&frame).join("\n")]).collect::<Vec<_>>().join("\n\n")
        });
    }

    fn left(&mut self) {
        let (watch, colour) = (&self.watch, self.colour);
        self.live.end(|canvas| locked(watch).draw(&frame(canvas, colour), canvas.height).join("\n"));
    }
}

/// A line for whatever changes.
pub struct Log<W> {
    watch: Watch,
    run: Lines<W>,
    beside: Lines<W>,
    new: Box<dyn Fn() -> Lines<W> + Send>,
    services: BTreeMap<String, String>,
    silent: String,
}

impl<W: Write + Send> Log<W> {
    /// Nothing is said yet; `new` opens the stream.
    pub fn new(about: About, new: impl Fn() -> Lines<W> + Send + 'static) -> Self {
        let (services, silent) = (BTreeMap::new(), String::new());
        Self { watch: Watch::new(about), run: new(), beside: new(), new: Box::new(new), services, silent }
    }

    fn own(&mut self, verb: &str, text: &str) {
        let pipeline = self.watch.about.pipeline.clone();
        self.beside.about(&pipeline, verb, text);
    }
}

impl<W: Write + Send> Face for Log<W> {
    fn place(&mut self, place: Place) {
        if self.watch.place != place {
            let said = match &place {
                Place::Free => None,
                Place::Begins(who) | Place::Runs(who) => Some(who.clone()),
                Place::Cut => Some("the run was cut off; AWS goes on by itself".to_owned()),
            };
            self.watch.place(place);
            said.into_iter().for_each(|said| self.own("run", &said));
        }
    }

    fn run(&mut self, moment: &Moment) {
        if matches!(moment.event.event, Event::RunStarted { .. }) {
            self.run = (self.new)();
        }
        self.watch.run(moment);
        self.run.report(&moment.event);
    }

    fn service(&mut self, standing: Standing, moments: &[Moment]) {
        let told = self.watch.is_told(&StepId::roll(&standing.name));
        for moment in moments.iter().filter(|_| !told) {
            self.beside.report(&moment.event);
        }
        self.silent.clear();
        let said = words(&standing);
        if self.services.get(&standing.name) != Some(&said) {
            self.beside.about(&ink::safe(&standing.name), "service", &said);
            self.services.insert(standing.name.clone(), said);
        }
        self.watch.service(standing, moments);
    }

    fn silent(&mut self, _since: Timestamp, why: &str) {
        if self.silent != why {
            why.clone_into(&mut self.silent);
            self.own("aws", &format!("does not answer: {why}"));
        }
    }

    fn over(&mut self) {}

    fn left(&mut self) {}
}

/// All services as one object a line, whenever one has changed.
pub struct Json {
    expected: usize,
    told: BTreeMap<String, Value>,
    said: String,
}

impl Json {
    /// Of so many services.
    pub fn new(expected: usize) -> Self {
        Self { expected, told: BTreeMap::new(), said: String::new() }
    }
}

impl Face for Json {
    fn place(&mut self, _place: Place) {}

    fn run(&mut self, _moment: &Moment) {}

    fn service(&mut self, standing: Standing, _moments: &[Moment]) {
        self.told.insert(standing.name, standing.told);
        let now = json::compact(&Value::Object(self.told.clone().into_iter().collect()));
        if self.told.len() == self.expected && now != self.said {
            super::super::data(&now);
            self.said = now;
        }
    }

    fn silent(&mut self, _since: Timestamp, _why: &str) {}

    fn over(&mut self) {}

    fn left(&mut self) {}
}
