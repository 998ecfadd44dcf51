//! Placement never overfills, refuses only what fits nowhere, and keeps to its strategies.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, prop_assume, proptest};
use proptest::strategy::Strategy as _;
use serde_json::json;

use super::expression::Expression;
use super::shares::{self, Share, next};
use super::*;

fn site(number: usize, cpu: u64, memory: u64) -> Site {
    let zone = ["a", "b", "c"][number % 3];
    let attributes = [("ecs.availability-zone", zone), ("ecs.instance-type", "t3.medium"), ("stack", "")];
    Site {
        id: format!("{number:04}"),
        ec2: format!("i-{number:04}"),
        attributes: attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        agent: Agent::Connected,
        room: Room { cpu, memory, interfaces: 2, taken: BTreeSet::new() },
        tasks: 0,
    }
}

fn tcp(number: u16) -> Port {
    Port { protocol: Protocol::Tcp, number }
}

fn rules(constraints: &[&str], strategies: &[(&str, &str)]) -> Rules {
    let constraint = |text: &&str| match *text {
        "distinctInstance" => json!({"type": "distinctInstance"}),
        expression => json!({"type": "memberOf", "expression": expression}),
    };
    let strategy = |(kind, field): &(&str, &str)| json!({"type": kind, "field": field});
    let sent = json!({
        "placementConstraints": constraints.iter().map(constraint).collect::<Vec<_>>(),
        "placementStrategy": strategies.iter().map(strategy).collect::<Vec<_>>(),
    });
    Rules::read(&sent, &json!({})).unwrap()
}

fn needs() -> impl proptest::strategy::Strategy<Value = Needs> {
    let ports = prop::collection::btree_set((80_u16..84).prop_map(tcp), 0..3);
    let sizes = (0_u64..600, 0_u64..600, 0_u64..2, ports);
    sizes.prop_map(|(cpu, memory, interfaces, ports)| Needs { cpu, memory, interfaces, ports, attributes: Vec::new() })
}

fn any_rules() -> impl proptest::strategy::Strategy<Value = Rules> {
    let constraint = prop::sample::subsequence(
        vec!["distinctInstance", "attribute:ecs.availability-zone in [a, b]", "attribute:ecs.availability-zone != b"],
        0..=3,
    );
    let strategy = prop::sample::subsequence(
        vec![
            ("spread", "instanceId"),
            ("spread", "attribute:ecs.availability-zone"),
            ("binpack", "cpu"),
            ("binpack", "memory"),
            ("random", ""),
        ],
        0..=3,
    );
    (constraint, strategy).prop_map(|(constraints, strategies)| rules(&constraints, &strategies))
}

fn sites() -> impl proptest::strategy::Strategy<Value = Vec<Site>> {
    let one = (0_u64..2048, 0_u64..2048, any::<bool>());
    prop::collection::vec(one, 0..6).prop_map(|sizes| {
        let one = |(number, (cpu, memory, lost)): (usize, (u64, u64, bool))| Site {
            agent: if lost && number % 2 == 0 { Agent::Lost } else { Agent::Connected },
            ..site(number, cpu, memory)
        };
        sizes.into_iter().enumerate().map(one).collect()
    })
}

proptest! {
    /// Tasks are placed one after the other: none overfills an instance or breaks a constraint, and what is refused fits
    /// on no instance, for the reason that is given.
    #[test]
    fn nothing_is_overfilled_and_a_refusal_is_true(
        mut sites in sites(), wanted in prop::collection::vec(needs(), 1..12), rules in any_rules(), draw: u64,
    ) {
        for needs in wanted {
            let fits: Vec<usize> = (0..sites.len()).filter(|place| lack(&sites[*place], &needs, &rules).is_none()).collect();
            match place(&sites, &needs, &rules, draw) {
                Ok(chosen) => {
                    prop_assert!(fits.contains(&chosen));
                    let site = &mut sites[chosen];
                    prop_assert!(site.room.cpu >= needs.cpu && site.room.memory >= needs.memory);
                    prop_assert!(site.room.taken.is_disjoint(&needs.ports) && site.room.interfaces >= needs.interfaces);
                    let apart = |constraint: &Constraint| matches!(constraint, Constraint::DistinctInstance);
                    prop_assert!(site.tasks == 0 || !rules.constraints.iter().any(apart));
                    site.room = site.room.clone().without(&needs);
                    site.tasks += 1;
                }
                Err(None) => prop_assert!(sites.is_empty()),
                Err(Some(misfit)) => {
                    prop_assert!(fits.is_empty());
                    prop_assert_eq!(lack(&sites[misfit.closest], &needs, &rules), Some(misfit.lack));
                    let closer = |site: &Site| lack(site, &needs, &rules) > Some(misfit.lack);
                    prop_assert!(!sites.iter().any(closer));
                }
            }
        }
    }

    /// In which order instances are listed decides nothing.
    #[test]
    fn the_order_of_instances_does_not_matter(sites in sites(), needs in needs(), rules in any_rules(), draw: u64) {
        let id = |sites: &[Site]| match place(sites, &needs, &rules, draw) {
            Ok(place) => sites[place].id.clone(),
            Err(misfit) => misfit.map(|misfit| format!("{} {:?}", sites[misfit.closest].id, misfit.lack)).unwrap_or_default(),
        };
        let turned: Vec<Site> = sites.iter().rev().cloned().collect();
        prop_assert_eq!(id(&sites), id(&turned));
    }

    /// Spread over ample instances, the fullest has at most one task more than the emptiest.
    #[test]
    fn spread_is_even(instances in 1_usize..7, tasks in 0_usize..30, by_zone: bool) {
        let field = if by_zone { "attribute:ecs.availability-zone" } else { "instanceId" };
        let rules = rules(&[], &[("spread", field)]);
        let mut sites: Vec<Site> = (0..instances).map(|number| site(number, 100_000, 100_000)).collect();
        let needs = Needs { cpu: 1, memory: 1, ..Needs::default() };
        for _ in 0..tasks {
            let chosen = place(&sites, &needs, &rules, 0).unwrap();
            sites[chosen].tasks += 1;
        }
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for site in &sites {
            let key = if by_zone { &site.attributes["ecs.availability-zone"] } else { &site.id };
            *counts.entry(key).or_default() += site.tasks;
        }
        let (least, most) = (counts.values().min().unwrap(), counts.values().max().unwrap());
        prop_assert!(most - least <= 1, "{counts:?}");
    }

    /// Binpack opens an instance only when no open one has room.
    #[test]
    fn binpack_fills_before_it_opens(instances in 1_usize..6, wanted in prop::collection::vec(1_u64..500, 0..20)) {
        let rules = rules(&[], &[("binpack", "memory")]);
        let mut sites: Vec<Site> = (0..instances).map(|number| site(number, 100_000, 1000)).collect();
        for memory in wanted {
            let needs = Needs { memory, ..Needs::default() };
            let Ok(chosen) = place(&sites, &needs, &rules, 0) else { continue };
            if sites[chosen].tasks == 0 {
                let open = |site: &&Site| site.tasks > 0 && site.room.memory >= memory;
                prop_assert_eq!(sites.iter().find(open).map(|site| &site.id), None);
            }
            sites[chosen].room = sites[chosen].room.clone().without(&needs);
            sites[chosen].tasks += 1;
        }
    }

    /// The base is filled before anything else, and beyond it each provider keeps within one task of its part.
    #[test]
    fn the_base_comes_first_then_the_weights(
        base in 0_u64..6, weights in prop::collection::vec(0_u64..8, 1..5), tasks in 0_u64..60,
    ) {
        prop_assume!(weights.len() == 1 || weights.iter().any(|weight| *weight > 0));
        let of = |(number, weight): (usize, &u64)| {
            Share { provider: format!("p{number}"), base: if number == 0 { base } else { 0 }, weight: *weight }
        };
        let shares: Vec<Share> = weights.iter().enumerate().map(of).collect();
        let mut running: BTreeMap<String, u64> = BTreeMap::new();
        for _ in 0..tasks {
            let share = next(&shares, &running).unwrap();
            *running.entry(share.provider.clone()).or_default() += 1;
        }
        let has = |number: usize| running.get(&format!("p{number}")).copied().unwrap_or(0);
        prop_assert!(has(0) >= base.min(tasks));
        prop_assert_eq!(running.values().sum::<u64>(), tasks);
        if tasks <= base {
            prop_assert_eq!(has(0), tasks);
        } else if weights.len() > 1 {
            let all: u64 = weights.iter().sum();
            for (number, weight) in weights.iter().enumerate() {
                let beyond = has(number) - if number == 0 { base } else { 0 };
                let part = (tasks - base) as f64 * *weight as f64 / all as f64;
                prop_assert!((beyond as f64 - part).abs() < weights.len() as f64, "{beyond} of {part}: {running:?}");
                prop_assert!(*weight > 0 || beyond == 0);
            }
        }
    }
}

#[test]
fn a_strategy_of_one_and_four_gives_four_of_five() {
    let sent = [json!({"capacityProvider": "a", "weight": 1, "base": 2}), json!({"capacityProvider": "b", "weight": 4})];
    let shares = shares::read(&sent).unwrap();
    let mut running = BTreeMap::new();
    for _ in 0..12 {
        *running.entry(next(&shares, &running).unwrap().provider.clone()).or_insert(0) += 1;
    }
    assert_eq!(running, BTreeMap::from([("a".to_owned(), 4), ("b".to_owned(), 8)]));
    for wrong in [
        json!([{"capacityProvider": "a"}, {"capacityProvider": "b"}]),
        json!([{"capacityProvider": "a", "base": 1, "weight": 1}, {"capacityProvider": "b", "base": 1}]),
        json!([{"weight": 1}]),
        json!([{"capacityProvider": "a", "weight": 1001}]),
    ] {
        assert_eq!(shares::read(wrong.as_array().unwrap()).unwrap_err().code, "InvalidParameterException", "{wrong}");
    }
}

#[test]
fn what_comes_closest_is_named_with_what_it_lacks() {
    let needs =
        Needs { cpu: 256, memory: 512, interfaces: 1, ports: BTreeSet::from([tcp(80)]), attributes: vec!["task-eni".into()] };
    let able = |number, cpu, memory| {
        let mut site = site(number, cpu, memory);
        site.attributes.insert("task-eni".into(), String::new());
        site
    };
    let mut taken = able(3, 1024, 1024);
    taken.room.taken.insert(tcp(80));
    let mut udp = able(4, 0, 1024);
    udp.room.taken.insert(Port { protocol: Protocol::Udp, number: 80 });
    let mut attached = able(6, 1024, 1024);
    attached.room.interfaces = 0;
    let mut lost = able(5, 1024, 1024);
    lost.agent = Agent::Lost;
    let steps = [
        (lost, Lack::Agent),
        (site(0, 1024, 1024), Lack::Attribute),
        (udp, Lack::Cpu),
        (able(2, 1024, 511), Lack::Memory),
        (taken, Lack::Ports),
        (attached, Lack::Interfaces),
    ];
    let mut sites = Vec::new();
    for (site, lack) in steps {
        let id = site.id.clone();
        sites.insert(0, site);
        let misfit = place(&sites, &needs, &rules(&[], &[]), 0).unwrap_err().unwrap();
        assert_eq!((sites[misfit.closest].id.as_str(), misfit.lack), (id.as_str(), lack));
    }
    let mut sites = vec![able(0, 1024, 1024)];
    for (constraint, lack) in [("attribute:stack == prod", Lack::MemberOf), ("distinctInstance", Lack::Distinct)] {
        sites[0].tasks = 1;
        let misfit = place(&sites, &needs, &rules(&[constraint], &[]), 0).unwrap_err().unwrap();
        assert_eq!(misfit.lack, lack);
    }
    assert_eq!(place(&sites, &needs, &rules(&[], &[]), 0), Ok(0));
    assert_eq!(place(&[], &needs, &rules(&[], &[]), 0), Err(None));
}

#[test]
fn expressions_are_read_as_aws_writes_them() {
    let site = site(0, 0, 0);
    for (text, holds) in [
        ("attribute:ecs.instance-type == t3.medium", true),
        ("attribute:ecs.instance-type equals 't3.large'", false),
        ("attribute:ecs.instance-type != t3.large and attribute:stack exists", true),
        ("attribute:ecs.instance-type =~ t3.*", true),
        ("attribute:ecs.instance-type =~ \"t[24].*\"", false),
        ("attribute:ecs.instance-type !~ t2.* && !(attribute:stack !exists)", true),
        ("attribute:ecs.availability-zone in [b, a]", true),
        ("attribute:ecs.availability-zone !in [b, a] or ec2InstanceId == i-0000", true),
        ("attribute:ecs.availability-zone not_in [a]", false),
        ("(attribute:ecs.availability-zone==a || attribute:ecs.availability-zone==b) && attribute:stack exists", true),
        ("attribute:none != x", true),
        ("not attribute:none exists", true),
    ] {
        assert_eq!(Expression::read(text).map(|expression| expression.holds(&site)), Ok(holds), "{text}");
    }
    for (text, why) in [
        ("", "it ends too early"),
        ("task:group == service:web", "`task:group` is none of the sandbox's subjects"),
        ("attribute:a > 1", "`>` is none of the sandbox's operators"),
        ("attribute:a in b", "`in` needs a list"),
        ("attribute:a in [b", "it ends too early"),
        ("(attribute:a exists", "a `)` is missing"),
        ("attribute:a exists b", "`b` is not expected there"),
        ("attribute:a == 'b", "no closing quote"),
        ("attribute:a =~ [", "is no pattern"),
    ] {
        let refused = Expression::read(text).unwrap_err();
        assert!(refused.contains(why), "{text}: {refused}");
    }
    assert_eq!(Expression::read(&"(".repeat(1000)).unwrap_err(), "it is nested too deeply");
    assert_eq!(Expression::read(&"attribute:a exists or ".repeat(100)).unwrap_err(), "it is longer than 2000 characters");
}

#[test]
fn rules_that_do_not_exist_are_refused() {
    for sent in [
        json!({"placementStrategy": [{"type": "spread", "field": "cpu"}]}),
        json!({"placementStrategy": [{"type": "binpack", "field": "disk"}]}),
        json!({"placementStrategy": [{"type": "pack"}]}),
        json!({"placementConstraints": [{"type": "memberOf"}]}),
        json!({"placementConstraints": [{"type": "distinctInstance", "expression": "attribute:a exists"}]}),
        json!({"placementConstraints": [{"type": "near"}]}),
    ] {
        assert_eq!(Rules::read(&sent, &json!({})).unwrap_err().code, "InvalidParameterException", "{sent}");
    }
}
