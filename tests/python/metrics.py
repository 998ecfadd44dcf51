"""CloudWatch by boto3: what real traffic through a load balancer comes to, by the minute, and an alarm that goes off by itself.

The clock runs twenty times as fast: a minute is three seconds."""

import http.client
import http.server
import os
import sys
import threading
import time
import urllib.request
import json

import boto3

elb = boto3.client("elbv2")
cloudwatch = boto3.client("cloudwatch")
ENDPOINT = os.environ["AWS_ENDPOINT_URL"]


class Backend(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        status = {"/health": 200, "/bad": 500, "/moved": 302, "/missing": 404}.get(self.path, 200)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def serve():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def until(what, look, within=60):
    end = time.monotonic() + within
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {within} s: {what}")


def status():
    with urllib.request.urlopen(f"{ENDPOINT}/_sandbox/status") as reply:
        return json.load(reply)


def now():
    """Virtual time, epoch seconds."""
    clock = status()["clock"]
    return (clock["virtual0"] + (time.time() * 1000 - clock["wall0"]) * clock["factor"]) / 1000


def group(name):
    made = elb.create_target_group(
        Name=name, Protocol="HTTP", Port=80, TargetType="ip", VpcId="vpc-00000000000000001", HealthCheckPath="/health",
        HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2, HealthyThresholdCount=2,
    )
    return made["TargetGroups"][0]["TargetGroupArn"]


balancer = elb.create_load_balancer(Name="shop", Subnets=["subnet-00000000000000001", "subnet-00000000000000002"])
balancer = balancer["LoadBalancers"][0]["LoadBalancerArn"]
candidate, stable = group("candidate"), group("stable")
forward = {"TargetGroups": [{"TargetGroupArn": candidate, "Weight": 1}, {"TargetGroupArn": stable, "Weight": 3}]}
elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=[{"Type": "forward", "ForwardConfig": forward}])
for arn in (candidate, stable):
    elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": "127.0.0.1", "Port": serve()}])


def healthy(arn):
    targets = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    return all(target["TargetHealth"]["State"] == "healthy" for target in targets)


until("healthy targets", lambda: healthy(candidate) and healthy(stable))
address = until("a listener", lambda: status()["load_balancers"].get("shop", {}).get("80"))


def get(path):
    connection = http.client.HTTPConnection(address, timeout=10)
    connection.request("GET", path)
    code = connection.getresponse().status
    connection.close()
    return code


def suffix(arn):
    return arn.split(":")[-1].removeprefix("loadbalancer/")


def dimensions(arn):
    return [{"Name": "TargetGroup", "Value": suffix(arn)}, {"Name": "LoadBalancer", "Value": suffix(balancer)}]


alarm = {
    "AlarmName": "candidate-5xx", "Namespace": "AWS/ApplicationELB", "MetricName": "HTTPCode_Target_5XX_Count",
    "Dimensions": dimensions(candidate), "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 0,
    "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching",
}
cloudwatch.put_metric_alarm(**alarm)


def state():
    return cloudwatch.describe_alarms(AlarmNames=["candidate-5xx"])["MetricAlarms"][0]


until("an alarm that is OK", lambda: state()["StateValue"] == "OK")
start = now()
assert [get("/") for _ in range(40)] == [200] * 40
assert [get("/bad") for _ in range(8)] == [500] * 8
assert get("/moved") == 302
end = until("a full minute later", lambda: now() if int(now() / 60) > int(start / 60) + 1 else None)

seen = until("an alarm that is in ALARM", lambda: state() if state()["StateValue"] == "ALARM" else None)
assert "was greater than the threshold (0.0)" in seen["StateReason"], seen
until("an alarm that is OK again", lambda: state()["StateValue"] == "OK")


def stat(id, arn, name, stat, **more):
    metric = {"Namespace": "AWS/ApplicationELB", "MetricName": name, "Dimensions": dimensions(arn)}
    return {"Id": id, "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}, **more}


queries = [
    stat("candidates", candidate, "RequestCount", "Sum"),
    stat("stables", stable, "RequestCount", "Sum"),
    stat("bad", candidate, "HTTPCode_Target_5XX_Count", "Sum"),
    stat("worse", stable, "HTTPCode_Target_5XX_Count", "Sum"),
    stat("p95", stable, "TargetResponseTime", "p95"),
    stat("hosts", stable, "HealthyHostCount", "Minimum", Label="healthy"),
    stat("none", stable, "HTTPCode_Target_4XX_Count", "Sum"),
    {"Id": "rate", "Expression": "FILL(bad, 0) / candidates"},
    {"Id": "total", "Expression": "SUM([candidates, stables])"},
]
reply = cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=start, EndTime=end, ScanBy="TimestampAscending")
assert reply["Messages"] == [] and "NextToken" not in reply, reply
found = {result["Id"]: result for result in reply["MetricDataResults"]}
assert list(found) == [query["Id"] for query in queries], found
assert all(result["StatusCode"] == "Complete" for result in found.values()), found
total = {id: sum(result["Values"]) for id, result in found.items()}
# One in four, and the balancer is exact.
assert total["candidates"] + total["stables"] == 49 and 12 <= total["candidates"] <= 13, total
assert total["bad"] + total["worse"] == 8 and total["bad"] == 2, total
assert total["total"] == 49 and found["none"]["Values"] == [], total
assert all(0 < value < 5 for value in found["p95"]["Values"]) and found["p95"]["Values"], found["p95"]
assert set(found["hosts"]["Values"]) == {1.0} and found["hosts"]["Label"] == "healthy", found["hosts"]
assert max(found["rate"]["Values"]) > 0 and len(found["rate"]["Values"]) == len(found["candidates"]["Values"]), found["rate"]
assert all(time.second == 0 for result in found.values() for time in result["Timestamps"])

paginator = cloudwatch.get_paginator("get_metric_data")
pages = list(paginator.paginate(MetricDataQueries=queries, StartTime=start, EndTime=end, PaginationConfig={"PageSize": 1}))
values = [value for page in pages for result in page["MetricDataResults"] for value in result["Values"]]
assert len(pages) > 1 and sorted(values) == sorted(value for result in found.values() for value in result["Values"]), pages
assert pages[0]["MetricDataResults"][0]["StatusCode"] in ("Complete", "PartialData")

statistics = cloudwatch.get_metric_statistics(
    Namespace="AWS/ApplicationELB", MetricName="RequestCount", Dimensions=dimensions(stable), StartTime=start, EndTime=end,
    Period=60, Statistics=["Sum"],
)
assert sum(point["Sum"] for point in statistics["Datapoints"]) == total["stables"], statistics
slow = cloudwatch.get_metric_statistics(
    Namespace="AWS/ApplicationELB", MetricName="TargetResponseTime", Dimensions=dimensions(stable), StartTime=start, EndTime=end,
    Period=3600, ExtendedStatistics=["p50"], Unit="Seconds",
)
assert 0 < slow["Datapoints"][0]["ExtendedStatistics"]["p50"] < 5, slow
listed = cloudwatch.list_metrics(Namespace="AWS/ApplicationELB", Dimensions=[{"Name": "TargetGroup", "Value": suffix(candidate)}])
names = {metric["MetricName"] for metric in listed["Metrics"]}
assert {"RequestCount", "HTTPCode_Target_5XX_Count", "TargetResponseTime", "HealthyHostCount"} <= names, names
assert "HTTPCode_Target_4XX_Count" not in names, names


def refused(says, **arguments):
    try:
        cloudwatch.get_metric_data(StartTime=start, EndTime=end, **arguments)
    except cloudwatch.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == "ValidationError" and says in error.response["Error"]["Message"], error.response
        return
    raise AssertionError("it was answered")


refused("must not have a size greater than 500", MetricDataQueries=[dict(queries[0], Id=f"m{at}") for at in range(501)])
refused("multiple of 60", MetricDataQueries=[{"Id": "m", "MetricStat": dict(queries[0]["MetricStat"], Period=30)}])
try:
    cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=start, EndTime=end, NextToken="none")
    sys.exit("an unknown token was taken")
except cloudwatch.exceptions.InvalidNextToken:
    pass
