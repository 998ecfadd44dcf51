"""CodePipeline's jobs and S3's objects by boto3."""

import datetime
import io
import json
import os
import urllib.request
import zipfile

import boto3
from botocore.exceptions import ClientError

pipeline = boto3.client("codepipeline")
s3 = boto3.client("s3")
ACTION = {"category": "Deploy", "owner": "Custom", "provider": "shipit", "version": "1"}


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error.response
        return
    raise AssertionError(f"{call} was answered")


def queued():
    place = {"name": "built", "bucketName": "artefacts", "objectKey": "shop/a b.zip"}
    job = {"actionTypeId": ACTION, "configuration": {"Application": "shop"}, "inputArtifacts": [place]}
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"] + "/_sandbox/jobs", json.dumps(job).encode(), method="POST")
    return json.load(urllib.request.urlopen(request))["id"]


archive = io.BytesIO()
with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writing:
    writing.writestr("imagedefinitions.json", "[]")
s3.put_object(Bucket="artefacts", Key="shop/a b.zip", Body=archive.getvalue())
found = s3.get_object(Bucket="artefacts", Key="shop/a b.zip")
assert found["Body"].read() == archive.getvalue() and found["ContentLength"] == len(archive.getvalue()), found
assert found["ETag"].startswith('"') and found["LastModified"].year >= 2025, found
refused("NoSuchKey", s3.get_object, Bucket="artefacts", Key="shop/none.zip")

refused("ActionTypeNotFoundException", pipeline.poll_for_jobs, actionTypeId=ACTION)
first, second = queued(), queued()
assert pipeline.poll_for_jobs(actionTypeId=ACTION, queryParam={"Application": "blog"})["jobs"] == []
jobs = pipeline.poll_for_jobs(actionTypeId=ACTION, maxBatchSize=5)["jobs"]
assert [job["id"] for job in jobs] == [first, second], jobs
data = jobs[0]["data"]
assert data["actionConfiguration"]["configuration"] == {"Application": "shop"} and data["actionTypeId"] == ACTION, data
assert pipeline.get_job_details(jobId=first)["jobDetails"]["data"]["pipelineContext"]["pipelineName"] == "sandbox"

place, keys = data["inputArtifacts"][0]["location"]["s3Location"], data["artifactCredentials"]
own = {"aws_access_key_id": keys["accessKeyId"], "aws_secret_access_key": keys["secretAccessKey"]}
its = boto3.client("s3", aws_session_token=keys["sessionToken"], **own)
assert its.get_object(Bucket=place["bucketName"], Key=place["objectKey"])["Body"].read() == archive.getvalue()
refused("AccessDenied", its.get_object, Bucket="artefacts", Key="shop/other.zip")
for stranger in [boto3.client("s3", **own), boto3.client("s3", aws_access_key_id="AKIAOTHER", aws_secret_access_key="x")]:
    refused("AccessDenied", stranger.get_object, Bucket="artefacts", Key="shop/a b.zip")

refused("InvalidNonceException", pipeline.acknowledge_job, jobId=first, nonce="nobody's")
refused("InvalidJobStateException", pipeline.put_job_success_result, jobId=first)
assert pipeline.acknowledge_job(jobId=first, nonce=jobs[0]["nonce"])["status"] == "InProgress"
pipeline.put_job_success_result(
    jobId=first,
    currentRevision={"revision": "web:8", "changeIdentifier": "run-1", "created": datetime.datetime.now(datetime.UTC), "revisionSummary": "x"},
    executionDetails={"summary": "done", "externalExecutionId": "run-1", "percentComplete": 100},
    outputVariables={"Run": "run-1"},
)
pipeline.acknowledge_job(jobId=second, nonce=jobs[1]["nonce"])
failure = {"type": "JobFailed", "message": "SHIP204: it was turned back", "externalExecutionId": "run-2"}
pipeline.put_job_failure_result(jobId=second, failureDetails=failure)
refused("InvalidJobStateException", pipeline.put_job_failure_result, jobId=second, failureDetails=failure)
refused("JobNotFoundException", pipeline.get_job_details, jobId="00000000-0000-4000-8000-ffffffffffff")
assert pipeline.poll_for_jobs(actionTypeId=ACTION)["jobs"] == []
