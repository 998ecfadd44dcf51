//! `shipit status --watch`: the run of this folder by its events, the services by AWS, until the run has ended or the person
//! has seen enough. It only looks.

use std::io::{IsTerminal, Stdout};
use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use shipit_core::event::{Event, Stamped};
use shipit_core::failure::Exit;
use shipit_core::release::RunId;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::{MissedTickBehavior, interval};

use super::session::{Session, refuse, signal};
use super::status::Standing;
use super::typed;
use crate::app::lock::{self, Standing as Lock};
use crate::engine::Context;
use crate::engine::watching::{Look, Watching};
use crate::port::{Clock, Holder, PortError};
use crate::report::lines::Lines;
use crate::report::tail::Tail;
use crate::report::watch::{About, Face, Json, Log, Moment, Place, Screen, Standing as Shown};
use crate::report::{Colour, Output};

/// How often the folder is looked into, on the wall.
const TICK: Duration = Duration::from_millis(250);
/// How often a service is looked at that moves, and one that does not, in AWS's time.
const MOVES: Duration = Duration::from_secs(3);
const STANDS: Duration = Duration::from_secs(10);
/// No eye is quicker, whatever the clock.
const QUICKEST: Duration = Duration::from_millis(500);

/// How long the last look may take.
const AT_THE_END: Duration = Duration::from_secs(5);

/// Watches.
pub async fn watch(session: &Session, output: Output) -> Exit {
    let context = session.context(&|_| {});
    let clock = session.connected.clock;
    let mut all: Vec<Watching<'_>> = session.pipeline().services.iter().map(|service| Watching::new(&context, service)).collect();
    // What is refused at once will not be granted by waiting.
    let mut first = Vec::new();
    for look in join_all(all.iter_mut().map(Watching::look)).await {
        match look {
            Ok(look) => first.push(Some(look)),
            Err(error) if error.is_passing() => first.push(None),
            Err(error) => return refuse(&[error.into()]),
        }
    }
    let mut face = face(session, output);
    for (watching, look) in all.iter().zip(first) {
        look.into_iter().for_each(|look| show(face.as_mut(), watching.name(), look, clock));
    }
    let (tell, mut looks) = unbounded_channel();
    let count = all.len();
    let looking = join_all(all.into_iter().map(|watching| goes_on(watching, clock, count, tell.clone())));
    let mut folder = Folder::begin(&session.pipeline().folder);
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut looking, mut left) = (Box::pin(looking), Box::pin(signal()));
    loop {
        tokio::select! {
            _ = &mut looking => {}
            Some((name, look)) = looks.recv() => match look {
                Ok(look) => show(face.as_mut(), name, look, clock),
                Err(error) => face.silent(Timestamp::now(), &error.to_string()),
            },
            _ = ticks.tick() => if folder.tell(face.as_mut(), clock) == Goes::Over {
                // What stays on the screen is how they stand now.
                for (name, look) in anew(&context).await {
                    show(face.as_mut(), name, look, clock);
                }
                face.over();
                return Exit::Done;
            },
            () = &mut left => {
                face.left();
                return Exit::Interrupted;
            }
        }
    }
}

/// How all services stand, as far as AWS says so soon.
async fn anew<'a>(context: &'a Context<'a>) -> Vec<(&'a str, Look)> {
    let looks = context.pipeline.services.iter().map(async |service| {
        let mut watching = Watching::new(context, service);
        Some((watching.name(), tokio::time::timeout(AT_THE_END, watching.look()).await.ok()?.ok()?))
    });
    join_all(looks).await.into_iter().flatten().collect()
}

fn face(session: &Session, output: Output) -> Box<dyn Face> {
    let pipeline = session.pipeline();
    let about = About {
        pipeline: pipeline.name.clone(),
        environment: pipeline.environment.clone(),
        cluster: pipeline.cluster.clone(),
        region: session.region().to_owned(),
    };
    match output {
        Output::Json => Box::new(Json::new(pipeline.services.len())),
        Output::Auto if std::io::stdout().is_terminal() => Box::new(Screen::new(about)),
        Output::Auto | Output::Lines => Box::new(Log::new(about, lines)),
    }
}

fn lines() -> Lines<Stdout> {
    Lines::new(std::io::stdout(), Colour::of_stdout())
}

type Looked<'a> = (&'a str, Result<Look, PortError>);

/// Looks again and again. Many services are looked at less often: a deploy of them needs AWS's answers too.
async fn goes_on<'a>(mut watching: Watching<'a>, clock: Clock, count: usize, tell: UnboundedSender<Looked<'a>>) {
    let many = u32::try_from(count.div_ceil(8)).unwrap_or(u32::MAX);
    let mut pause = MOVES;
    loop {
        tokio::time::sleep(clock.wall(pause.saturating_mul(many)).max(QUICKEST)).await;
        let look = watching.look().await;
        let moves = look.as_ref().is_ok_and(|look| look.underway.is_some());
        pause = if moves { MOVES } else { STANDS };
        // Nobody listens any more: then this is ended too.
        let _left = tell.send((watching.name(), look));
    }
}

fn show(face: &mut dyn Face, name: &str, look: Look, clock: Clock) {
    let moments: Vec<Moment> =
        look.events.into_iter().map(|Stamped { at, event }| moment(Stamped { at, event: typed::event(event) }, clock)).collect();
    let standing = Standing { name, seen: look.seen, underway: look.underway };
    let (words, told) = (standing.words().unwrap_or_default(), standing.as_json());
    let shown = Shown { name: name.to_owned(), seen: standing.seen, targets: look.targets, words, told };
    face.service(shown, &moments);
}

/// With the time on the wall: the sandbox's clock runs faster.
fn moment(event: Stamped, clock: Clock) -> Moment {
    let ago = clock.now().duration_since(event.at).max(SignedDuration::ZERO).unsigned_abs();
    let ago = SignedDuration::try_from(clock.wall(ago)).unwrap_or(SignedDuration::ZERO);
    Moment { wall: Timestamp::now().saturating_sub(ago).unwrap_or(event.at), event }
}

/// Whether the watch goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goes {
    On,
    Over,
}

/// The pipeline's folder: who works in it, and what its run tells.
struct Folder<'a> {
    path: &'a Path,
    run: Option<Following>,
    /// A run was under way when the watch began: the watch ends with it.
    ends: bool,
}

struct Following {
    id: RunId,
    tail: Tail,
    finished: bool,
}

impl<'a> Folder<'a> {
    fn begin(path: &'a Path) -> Self {
        Self { path, run: None, ends: matches!(lock::noted(path), Lock::Held(_)) }
    }

    fn tell(&mut self, face: &mut dyn Face, clock: Clock) -> Goes {
        // First who works, then what was told: a run's last word comes before it gives the lock back.
        let lock = lock::noted(self.path);
        if let Some(id) = holder(&lock).and_then(|holder| holder.ships.as_ref()).map(|ships| &ships.run)
            && self.run.as_ref().is_none_or(|run| run.id != *id)
        {
            self.run = Some(Following { id: id.clone(), tail: Tail::of(self.path, id), finished: false });
        }
        let Some(run) = &mut self.run else {
            face.place(place(&lock, Told::Nothing));
            return Goes::On;
        };
        let news = run.tail.news();
        for event in &news {
            match event.event {
                Event::RunStarted { .. } => run.finished = false,
                Event::RunFinished { .. } => run.finished = true,
                _ => {}
            }
        }
        face.place(place(&lock, if run.finished { Told::All } else { Told::Some }));
        news.into_iter().for_each(|event| face.run(&moment(event, clock)));
        if run.finished && self.ends { Goes::Over } else { Goes::On }
    }
}

/// What a run has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Some,
    All,
}

fn holder(lock: &Lock) -> Option<&Holder> {
    match lock {
        Lock::Held(Some(holder)) | Lock::Left(holder) => Some(holder),
        Lock::Free | Lock::Held(None) => None,
    }
}

fn place(lock: &Lock, told: Told) -> Place {
    let since = |holder: &Holder| format!("of {}, since {} UTC", holder.by, holder.since.strftime("%H:%M:%S"));
    match (lock, told) {
        (_, Told::All) | (Lock::Left(_) | Lock::Free, Told::Nothing) => Place::Free,
        (Lock::Held(Some(holder)), _) => match &holder.ships {
            Some(ships) => Place::Runs(format!("run {} {}", ships.run, since(holder))),
            None => Place::Begins(format!("`{}` {} is about to begin", holder.doing, since(holder))),
        },
        (Lock::Held(None), _) => Place::Begins("a run is about to begin".to_owned()),
        (Lock::Left(_) | Lock::Free, Told::Some) => Place::Cut,
    }
}

#[cfg(test)]
mod tests {
    use shipit_core::release::Commit;

    use super::*;
    use crate::port::{Process, Ships};

    #[test]
    fn who_works_here_in_words() {
        let holder = |ships: Option<Ships>| Holder {
            by: "ana@laptop".into(),
            doing: "deploy".into(),
            since: Timestamp::from_second(1_795_000_000).unwrap(),
            process: Process { pid: 7, started: 1, host: "laptop".into() },
            ships,
        };
        let ships = Ships { run: RunId("20261118T084640-abc0".into()), commit: Commit("4f2a91c".into()), subject: None };
        let runs = holder(Some(ships));
        let told = "run 20261118T084640-abc0 of ana@laptop, since 11:06:40 UTC".to_owned();
        for (lock, has_told, expected) in [
            (Lock::Free, Told::Nothing, Place::Free),
            (Lock::Left(runs.clone()), Told::Nothing, Place::Free),
            (Lock::Held(None), Told::Nothing, Place::Begins("a run is about to begin".into())),
            (
                Lock::Held(Some(holder(None))),
                Told::Nothing,
                Place::Begins("`deploy` of ana@laptop, since 11:06:40 UTC is about to begin".into()),
            ),
            (Lock::Held(Some(runs.clone())), Told::Nothing, Place::Runs(told.clone())),
            (Lock::Held(Some(runs.clone())), Told::Some, Place::Runs(told)),
            (Lock::Held(Some(runs.clone())), Told::All, Place::Free),
            (Lock::Left(runs), Told::Some, Place::Cut),
            (Lock::Free, Told::Some, Place::Cut),
            (Lock::Free, Told::All, Place::Free),
        ] {
            assert_eq!(place(&lock, has_told), expected, "{lock:?} {has_told:?}");
        }
    }
}
