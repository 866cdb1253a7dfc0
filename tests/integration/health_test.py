"""gRPC's own services, as any gRPC program asks them."""

import grpc


def raw(channel: grpc.Channel, method: str, request: bytes) -> bytes:
    return channel.unary_unary(method)(request, timeout=10)


def test_health_says_serving(client):
    assert raw(client.channel, "/grpc.health.v1.Health/Check", b"") == b"\x08\x01"
    name = b"descent.v1.TrainingService"
    request = bytes([10, len(name)]) + name
    assert raw(client.channel, "/grpc.health.v1.Health/Check", request) == b"\x08\x01"


def test_reflection_names_the_service(client):
    call = client.channel.stream_stream(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
    )
    answers = list(call(iter([b"\x3a\x00"]), timeout=10))
    assert b"descent.v1.TrainingService" in answers[0]
