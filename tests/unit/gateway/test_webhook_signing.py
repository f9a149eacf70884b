"""Signatures of webhooks against the published example of the Standard Webhooks scheme, and against code written for it alone."""

import base64
import hashlib
import hmac

from hypothesis import given, strategies as st

from gateway.webhooks import signing


def test_published_example():
    """From the scheme's own library tests: secret, id, timestamp, body and the signature they give."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signing.signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == expected


@given(id=st.uuids(), at=st.integers(0, 2**33), body=st.binary(max_size=300))
def test_a_receiver_verifies_with_the_headers_alone(id, at, body):
    keys = [signing.new_secret(), signing.new_secret()]
    sent = signing.headers(keys, str(id), at, body)
    signed = f"{sent['webhook-id']}.{sent['webhook-timestamp']}.".encode() + body
    for key, given_ in zip(keys, sent["webhook-signature"].split(" "), strict=True):
        raw = base64.b64decode(key.removeprefix("whsec_"))
        assert given_ == "v1," + base64.b64encode(hmac.digest(raw, signed, hashlib.sha256)).decode()


def test_secrets_are_random_and_long_enough():
    made = {signing.new_secret() for _ in range(100)}
    assert len(made) == 100
    for secret in made:
        assert secret.startswith("whsec_") and len(base64.b64decode(secret[6:], validate=True)) == 32
