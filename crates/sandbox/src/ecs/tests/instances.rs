//! Container instances and what is placed on them: the accounts are true, the refusals are AWS's.

use serde_json::json;

use super::*;

const TROUBLESHOOT: &str = "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.";
const UNPLACED: &str = "(service web) was unable to place a task because no container instance met all of its requirements.";

/// Registers an instance of this size and answers its ARN.
fn instance(state: &mut State, name: &str, cpu: u64, memory: u64) -> String {
    let document = json!({"instanceId": name, "availabilityZone": format!("us-east-1{}", &name[name.len() - 1..])});
    let body = json!({
        "cluster": "prod", "instanceIdentityDocument": document.to_string(),
        "totalResources": [
            {"name": "CPU", "type": "INTEGER", "integerValue": cpu}, {"name": "MEMORY", "type": "INTEGER", "integerValue": memory},
        ],
    });
    let reply = call(state, "RegisterContainerInstance", body);
    reply["containerInstance"]["containerInstanceArn"].as_str().unwrap().to_owned()
}

/// Registers a revision of `web` in the mode bridge with this host port.
fn bridge(state: &mut State, host_port: u16) {
    let body = json!({
        "family": "web", "containerDefinitions": [{
            "name": "web", "image": "one", "cpu": 100, "memory": 200, "portMappings": [{"containerPort": 80, "hostPort": host_port}],
        }],
    });
    call(state, "RegisterTaskDefinition", body);
}

/// A service of `web` on instances, with these members over it.
fn create(state: &mut State, over: serde_json::Value) {
    let mut body = json!({"cluster": "prod", "serviceName": "web", "taskDefinition": "web", "launchType": "EC2"});
    super::super::service::configuration::overlay(&mut body, &over);
    call(state, "CreateService", body);
}

fn describe(state: &mut State, arn: &str) -> serde_json::Value {
    call(state, "DescribeContainerInstances", json!({"cluster": "prod", "containerInstances": [arn]}))["containerInstances"][0]
        .take()
}

/// CPU, memory and TCP ports that are left.
fn left(state: &mut State, arn: &str) -> (u64, u64, Vec<String>) {
    let shown = describe(state, arn);
    let of = |name: &str| {
        let resources = shown["remainingResources"].as_array().unwrap();
        resources.iter().find(|resource| resource["name"] == name).unwrap().clone()
    };
    let ports = of("PORTS")["stringSetValue"].as_array().unwrap().iter().map(|port| port.as_str().unwrap().to_owned()).collect();
    (of("CPU")["integerValue"].as_u64().unwrap(), of("MEMORY")["integerValue"].as_u64().unwrap(), ports)
}

/// Where the wanted tasks of a service are: EC2 instances in order, one a task.
fn places(state: &State) -> Vec<String> {
    let wanted = state.ecs.tasks.values().filter(|task| task.stop.is_none());
    let mut places: Vec<String> = wanted.filter_map(|task| Some(task.place.as_ref()?.ec2.clone())).collect();
    places.sort();
    places
}

#[test]
fn an_instance_shows_what_it_has_and_what_is_left() {
    let mut state = state();
    let arn = instance(&mut state, "i-a", 1024, 1000);
    let shown = describe(&mut state, &arn);
    assert_eq!(
        (&shown["status"], &shown["agentConnected"], &shown["ec2InstanceId"]),
        (&json!("ACTIVE"), &json!(true), &json!("i-a"))
    );
    let attribute =
        |name: &str| shown["attributes"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap()["value"].clone();
    assert_eq!(attribute("ecs.availability-zone"), "us-east-1a");
    assert_eq!(attribute("ecs.instance-type"), "t3.medium");
    assert_eq!(attribute("ecs.cpu-architecture"), "x86_64");
    let reserved = ["22", "2375", "2376", "51678", "51679"];
    assert_eq!(left(&mut state, &arn), (1024, 1000, reserved.map(str::to_owned).to_vec()));

    bridge(&mut state, 8080);
    create(&mut state, json!({"desiredCount": 1}));
    settle(&mut state);
    let ports = ["22", "2375", "2376", "8080", "51678", "51679"];
    assert_eq!(left(&mut state, &arn), (924, 800, ports.map(str::to_owned).to_vec()));
    assert_eq!(describe(&mut state, &arn)["runningTasksCount"], 1);
    let cluster = call(&mut state, "DescribeClusters", json!({"clusters": ["prod"]}))["clusters"][0].clone();
    assert_eq!(cluster["registeredContainerInstancesCount"], 1);
    let on_it = json!({"cluster": "prod", "containerInstance": arn});
    let tasks = call(&mut state, "ListTasks", on_it)["taskArns"].clone();
    let task = call(&mut state, "DescribeTasks", json!({"cluster": "prod", "tasks": tasks}))["tasks"][0].clone();
    assert_eq!((&task["containerInstanceArn"], &task["attachments"]), (&json!(arn), &json!([])));
    assert_eq!((&task["launchType"], &task["availabilityZone"]), (&json!("EC2"), &json!("us-east-1a")));

    update(&mut state, json!({"desiredCount": 0}));
    settle(&mut state);
    assert_eq!(left(&mut state, &arn).0, 1024);
}

#[test]
fn what_cannot_be_placed_is_said_in_awss_words_and_placed_when_there_is_room() {
    let cases: [(&str, u64, u64, &str); 4] = [
        ("cpu", 99, 1000, "has insufficient CPU units available."),
        ("memory", 1024, 199, "has insufficient memory available."),
        ("port", 1024, 1000, "is already using a port required by your task."),
        ("agent", 1024, 1000, "doesn't have the agent connected."),
    ];
    for (name, cpu, memory, lack) in cases {
        let mut state = state();
        bridge(&mut state, 8080);
        let small = instance(&mut state, "i-a", cpu, memory);
        let id = small.rsplit('/').next().unwrap().to_owned();
        match name {
            "port" => {
                let job = json!({"cluster": "prod", "taskDefinition": "web", "startedBy": "me"});
                assert_eq!(call(&mut state, "RunTask", job)["failures"], json!([]));
            }
            "agent" => {
                let fault = json!({"match": {"resource": "i-a"}, "kind": "agent_lost"});
                state.faults.add(crate::faults::Fault::read(fault).unwrap());
            }
            _ => {}
        }
        create(&mut state, json!({"desiredCount": 1}));
        turn(&mut state);
        let event = format!("{UNPLACED} The closest matching (container-instance {id}) {lack} {TROUBLESHOOT}");
        assert_eq!(events(&mut state), std::slice::from_ref(&event), "{name}");
        assert_eq!((&web(&mut state)["runningCount"], &web(&mut state)["pendingCount"]), (&json!(0), &json!(0)));
        turn(&mut state);
        assert_eq!(events(&mut state), [event], "said once");

        instance(&mut state, "i-b", 1024, 1000);
        settle(&mut state);
        if name == "memory" {
            // What was in the way is resolved: when it comes again, it is said again.
            for memory in ["one", "two"] {
                pass(&mut state, 60);
                let large =
                    json!({"family": "web", "containerDefinitions": [{"name": memory, "image": "one", "memory": 100_000}]});
                call(&mut state, "RegisterTaskDefinition", large);
                update(&mut state, json!({"taskDefinition": "web"}));
                for _ in 0..3 {
                    turn(&mut state);
                }
                let complaints = events(&mut state).iter().filter(|event| event.contains("insufficient memory")).count();
                assert_eq!(complaints, if memory == "one" { 2 } else { 3 }, "{:#?}", events(&mut state));
                for desired in [0, 1] {
                    update(&mut state, json!({"taskDefinition": "web:1", "desiredCount": desired}));
                    settle(&mut state);
                }
            }
        }
        let said = events(&mut state);
        assert!(said[1].starts_with("(service web) has started 1 tasks: (task "), "{said:#?}");
        assert_eq!(places(&state).last().map(String::as_str), Some("i-b"));
    }
}

#[test]
fn without_instances_nothing_runs() {
    let mut state = state();
    bridge(&mut state, 0);
    create(&mut state, json!({"desiredCount": 1}));
    turn(&mut state);
    let expected = format!("{UNPLACED} Reason: No Container Instances were found in your cluster. {TROUBLESHOOT}");
    assert_eq!(events(&mut state), [expected]);
    let error = refused(&mut state, "RunTask", json!({"cluster": "prod", "taskDefinition": "web"}));
    assert_eq!(
        (error.code.as_str(), error.message.as_str()),
        ("InvalidParameterException", "No Container Instances were found in your cluster.")
    );
}

#[test]
fn run_task_names_each_instance_with_what_it_lacks() {
    let mut state = state();
    bridge(&mut state, 8080);
    let small = instance(&mut state, "i-a", 1024, 100);
    let full = instance(&mut state, "i-b", 1024, 1000);
    let job = json!({"cluster": "prod", "taskDefinition": "web", "count": 2});
    let reply = call(&mut state, "RunTask", job);
    assert_eq!(reply["tasks"].as_array().unwrap().len(), 1);
    let mut failures: Vec<_> =
        reply["failures"].as_array().unwrap().iter().map(|one| (one["arn"].clone(), one["reason"].clone())).collect();
    failures.sort_by_key(|(arn, _)| arn != &json!(small));
    assert_eq!(failures, [(json!(small), json!("RESOURCE:MEMORY")), (json!(full), json!("RESOURCE:PORTS"))]);
    let constrained =
        |constraint: serde_json::Value| json!({"cluster": "prod", "taskDefinition": "web", "placementConstraints": [constraint]});
    let body = constrained(json!({"type": "memberOf", "expression": "attribute:ecs.instance-type == m5.large"}));
    let reply = call(&mut state, "RunTask", body);
    assert_eq!(reply["failures"][0]["reason"], "MemberOf placement constraint unsatisfied.");
    let body = constrained(json!({"type": "memberOf", "expression": "task:group == x"}));
    assert_eq!(refused(&mut state, "RunTask", body).code, "InvalidParameterException");
}

#[test]
fn an_instance_takes_as_many_awsvpc_tasks_as_it_has_interfaces() {
    let mut state = state();
    let arn = instance(&mut state, "i-a", 2048, 2000);
    register(&mut state, "one");
    let network = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}});
    let job =
        json!({"cluster": "prod", "taskDefinition": "web", "launchType": "EC2", "count": 3, "networkConfiguration": network});
    let reply = call(&mut state, "RunTask", job);
    assert_eq!(reply["tasks"].as_array().unwrap().len(), 2, "a t3.medium has three interfaces, one of them its own");
    assert_eq!(reply["failures"], json!([{"arn": arn, "reason": "RESOURCE:ENI"}]));
    call(&mut state, "CreateService", service(json!({"launchType": "EC2", "desiredCount": 1})));
    turn(&mut state);
    let said = events(&mut state).remove(0);
    let id = arn.rsplit('/').next().unwrap();
    assert!(said.contains(&format!("(container-instance {id}) encountered error \"RESOURCE:ENI\". For more")), "{said}");
}

#[test]
fn tasks_are_spread_over_zones_packed_or_kept_apart() {
    for (over, expected) in [
        (json!({}), vec!["i-a", "i-a", "i-b", "i-b"]),
        (json!({"placementStrategy": [{"type": "binpack", "field": "memory"}]}), vec!["i-a", "i-a", "i-a", "i-a"]),
        (json!({"placementConstraints": [{"type": "distinctInstance"}]}), vec!["i-a", "i-b"]),
        (
            json!({"placementConstraints": [{"type": "memberOf", "expression": "attribute:ecs.availability-zone == us-east-1b"}]}),
            vec!["i-b"; 4],
        ),
    ] {
        let mut state = state();
        bridge(&mut state, 0);
        for (name, memory) in [("i-a", 800), ("i-b", 1000)] {
            instance(&mut state, name, 1024, memory);
        }
        let mut members = over.clone();
        members["desiredCount"] = json!(4);
        create(&mut state, members);
        turn(&mut state);
        assert_eq!(places(&state), expected, "{over}");
    }
}

#[test]
fn a_daemon_has_one_task_an_instance_and_follows_them() {
    let mut state = state();
    bridge(&mut state, 8080);
    create(&mut state, json!({"schedulingStrategy": "DAEMON"}));
    settle(&mut state);
    assert_eq!(web(&mut state)["desiredCount"], 0);
    let first = instance(&mut state, "i-a", 1024, 1000);
    instance(&mut state, "i-b", 1024, 1000);
    settle(&mut state);
    assert_eq!((places(&state), web(&mut state)["desiredCount"].clone()), (vec!["i-a".to_owned(), "i-b".to_owned()], json!(2)));
    instance(&mut state, "i-c", 1024, 1000);
    settle(&mut state);
    assert_eq!(places(&state), ["i-a", "i-b", "i-c"]);

    bridge(&mut state, 8080);
    update(&mut state, json!({"taskDefinition": "web:2"}));
    settle(&mut state);
    assert_eq!(places(&state), ["i-a", "i-b", "i-c"]);
    assert_eq!(deployments(&web(&mut state)), [("PRIMARY".to_owned(), "COMPLETED".to_owned(), "2".to_owned())]);

    let drain = json!({"cluster": "prod", "containerInstances": [first], "status": "DRAINING"});
    call(&mut state, "UpdateContainerInstancesState", drain);
    settle(&mut state);
    assert_eq!(places(&state), ["i-b", "i-c"]);
    assert_eq!(web(&mut state)["desiredCount"], 2);
    let reply = call(&mut state, "DescribeServices", json!({"cluster": "prod", "services": ["web"]}));
    assert_eq!(reply["services"][0]["schedulingStrategy"], "DAEMON");
    assert_eq!(reply["services"][0]["deploymentConfiguration"]["maximumPercent"], 100);
}

#[test]
fn a_draining_instance_loses_its_tasks_when_they_run_elsewhere() {
    let mut state = state();
    bridge(&mut state, 0);
    let first = instance(&mut state, "i-a", 1024, 1000);
    create(&mut state, json!({"desiredCount": 2}));
    settle(&mut state);
    let held = refused(&mut state, "DeregisterContainerInstance", json!({"cluster": "prod", "containerInstance": first}));
    assert_eq!(held.message, "Found running tasks on the instance.");
    let drain = json!({"cluster": "prod", "containerInstances": [first, "nope"], "status": "DRAINING"});
    assert_eq!(call(&mut state, "UpdateContainerInstancesState", drain)["failures"][0]["reason"], "MISSING");
    for _ in 0..5 {
        turn(&mut state);
        let running = web(&mut state)["runningCount"].as_u64().unwrap();
        assert_eq!((running, places(&state)), (2, vec!["i-a".to_owned(), "i-a".to_owned()]), "nowhere else to run");
    }
    let listed = |state: &mut State, status: &str| {
        call(state, "ListContainerInstances", json!({"cluster": "prod", "status": status}))["containerInstanceArns"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!((listed(&mut state, "DRAINING"), listed(&mut state, "ACTIVE")), (1, 0));

    instance(&mut state, "i-b", 1024, 1000);
    for _ in 0..10 {
        turn(&mut state);
        assert!(web(&mut state)["runningCount"].as_u64().unwrap() >= 2, "the lower bound holds");
    }
    settle(&mut state);
    assert_eq!(places(&state), ["i-b", "i-b"]);
    call(&mut state, "DeregisterContainerInstance", json!({"cluster": "prod", "containerInstance": first}));
    assert_eq!(listed(&mut state, "DRAINING"), 0);
}

#[test]
fn attributes_are_put_and_filtered_by() {
    let mut state = state();
    let arn = instance(&mut state, "i-a", 1024, 1000);
    instance(&mut state, "i-b", 1024, 1000);
    let id = arn.rsplit('/').next().unwrap();
    let put = json!({"cluster": "prod", "attributes": [{"name": "stack", "value": "blue", "targetId": id}]});
    call(&mut state, "PutAttributes", put);
    let reply = call(&mut state, "ListContainerInstances", json!({"cluster": "prod", "filter": "attribute:stack == blue"}));
    assert_eq!(reply["containerInstanceArns"], json!([arn]));
    let lost = json!({"cluster": "prod", "attributes": [{"name": "stack", "targetId": "x"}]});
    assert_eq!(refused(&mut state, "PutAttributes", lost).code, "TargetNotFoundException");
    let again = instance(&mut state, "i-a", 2048, 1000);
    assert_eq!(again, arn, "the same EC2 instance is the same container instance");
}

#[test]
fn capacity_providers_get_their_base_and_their_weights() {
    let mut state = state();
    let group = |name: &str| format!("arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:0:autoScalingGroupName/{name}");
    for name in ["on-demand", "spot"] {
        let body = json!({"name": name, "autoScalingGroupProvider": {"autoScalingGroupArn": group(name)}});
        call(&mut state, "CreateCapacityProvider", body);
    }
    bridge(&mut state, 0);
    let strategy = json!([{"capacityProvider": "on-demand", "base": 1, "weight": 1}, {"capacityProvider": "spot", "weight": 3}]);
    let service = json!({"cluster": "prod", "serviceName": "web", "taskDefinition": "web", "desiredCount": 5,
                         "capacityProviderStrategy": strategy});
    let error = refused(&mut state, "CreateService", service.clone());
    assert!(error.message.contains("not associated with the cluster"), "{}", error.message);
    let put =
        json!({"cluster": "prod", "capacityProviders": ["on-demand", "spot", "FARGATE"], "defaultCapacityProviderStrategy": []});
    call(&mut state, "PutClusterCapacityProviders", put);
    let mut both = service.clone();
    both["launchType"] = json!("EC2");
    assert!(refused(&mut state, "CreateService", both).message.contains("both a launch type and capacity provider strategy"));

    call(&mut state, "CreateService", service);
    turn(&mut state);
    let empty = format!("{UNPLACED} Reason: No Container Instances were found in your capacity provider. {TROUBLESHOOT}");
    assert_eq!(events(&mut state), [empty]);
    for (name, group) in [("i-a", "on-demand"), ("i-b", "spot")] {
        let body = json!({
            "cluster": "prod", "instanceIdentityDocument": json!({"instanceId": name}).to_string(),
            "tags": [{"key": "aws:autoscaling:groupName", "value": group}],
        });
        let reply = call(&mut state, "RegisterContainerInstance", body);
        assert_eq!(reply["containerInstance"]["capacityProviderName"], group);
    }
    settle(&mut state);
    assert_eq!(places(&state), ["i-a", "i-a", "i-b", "i-b", "i-b"]);
    let shown = web(&mut state);
    assert_eq!((&shown["capacityProviderStrategy"], shown.get("launchType")), (&strategy, None));
    let reply = call(&mut state, "DescribeCapacityProviders", json!({}));
    let names: Vec<_> = reply["capacityProviders"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["FARGATE", "FARGATE_SPOT", "on-demand", "spot"]);
    let error = refused(&mut state, "DeleteCapacityProvider", json!({"capacityProvider": "spot"}));
    assert!(error.message.contains("associated with a cluster"));
}

#[test]
fn a_target_group_fits_the_network_mode() {
    let mut state = state();
    bridge(&mut state, 0);
    let elb = |state: &mut State, operation: &str, body: serde_json::Value| {
        crate::dispatch::call(state, Aws::Elb, operation, body).unwrap()
    };
    let body = json!({"Name": "web", "Protocol": "HTTP", "Port": "80", "VpcId": "vpc-1", "TargetType": "ip"});
    let group = elb(&mut state, "CreateTargetGroup", body)["TargetGroups"][0]["TargetGroupArn"].clone();
    let balancer = json!([{"targetGroupArn": group, "containerName": "web", "containerPort": 80}]);
    let body =
        json!({"cluster": "prod", "serviceName": "web", "taskDefinition": "web", "desiredCount": 1, "loadBalancers": balancer});
    let error = refused(&mut state, "CreateService", body);
    assert!(
        error.message.ends_with(
            "has target type ip, which is incompatible with the bridge network mode specified in the task definition."
        ),
        "{}",
        error.message
    );
}
