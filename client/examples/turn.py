"""Watches a job over gRPC and halves its step size at iteration 1000.

turn.py JOB, with stubs on the path (see README.md) and descentd at $DESCENT_SERVER.
"""

import os
import pathlib
import sys
import uuid

import grpc
from descent.v1 import training_service_pb2 as api
from descent.v1.command_pb2 import Command
from descent.v1.training_service_pb2_grpc import TrainingServiceStub

job = f"jobs/{sys.argv[1]}"
# The socket of this user's daemon, which lets him in without a token.
local = f"unix:{pathlib.Path.home()}/.local/share/descent/client.sock"
server = os.environ.get("DESCENT_SERVER", local)
training = TrainingServiceStub(grpc.insecure_channel(server))

try:
    for response in training.WatchJob(api.WatchJobRequest(name=job, after_revision=0)):
        for event in response.events:
            it = event.iteration
            if event.WhichOneof("kind") == "iteration" and it.index == 1000:
                halve = Command(scale=Command.Scale(path="step_size", factor=0.5))
                ask = api.CommandJobRequest(name=job, request_id=uuid.uuid4().hex, commands=[halve])
                applied = training.CommandJob(ask).event.command_applied
                change = applied.changes[0]
                print(f"at {applied.iteration}: {change.old_value:g} -> {change.new_value:g}")
            elif event.WhichOneof("kind") == "iteration" and it.index % 500 == 0:
                print(f"{event.revision:6} iteration {it.index}: {it.value:.4f}, {it.step_size:g}")
except grpc.RpcError as error:  # there is no such job, or it is over
    sys.exit(error.details())
