"""Reads accepted.json with python3-cbor2 and checks each statement with openssl.

Usage: verify.py accepted.json DIRECTORY. Shares no code with the Go packages.
"""
import hashlib
import json
import subprocess
import sys

import cbor2

HASHES = {-7: "sha256", -35: "sha384"}


def der_integer(octets):
    octets = octets.lstrip(b"\0") or b"\0"
    if octets[0] & 0x80:
        octets = b"\0" + octets
    return bytes([2, len(octets)]) + octets


def der_signature(raw):
    half = len(raw) // 2
    inner = der_integer(raw[:half]) + der_integer(raw[half:])
    return bytes([0x30, len(inner)]) + inner


def check(vector, directory):
    cose = bytes.fromhex(vector["cose"])
    message = cbor2.loads(cose)
    assert message.tag == 18
    protected, unprotected, payload, signature = message.value
    claims = cbor2.loads(payload)
    assert unprotected == {}
    assert hashlib.sha256(cose).hexdigest() == vector["claims"]["statement_sha256"]
    assert claims[2] == vector["product"] + "/" + vector["serial"] == vector["claims"]["subject"]
    assert claims[-75001] == hashlib.sha256(bytes.fromhex(vector["spki"])).digest()
    assert claims.get(10, b"").hex() == vector["claims"].get("nonce", "")
    digests = [m[3].hex() for m in claims[-75002]]
    assert digests == [m["digest"].split(":")[1] for m in vector["claims"]["measurements"]]
    if "attribute" in vector:
        assert cose in bytes.fromhex(vector["attribute"])
    else:
        assert claims[-75004].hex() == vector["csr_sha256"]

    station = vector["claims"]["format"] == "station"
    key = vector["station_key"] if station else vector.get("device_key") or vector["csr_key"]
    alg = cbor2.loads(protected)[1]
    files = {"key.der": bytes.fromhex(key), "signed": cbor2.dumps(["Signature1", protected, b"", payload])}
    files["signature"] = der_signature(signature) if alg in HASHES else signature
    for name, octets in files.items():
        with open(directory + "/" + name, "wb") as f:
            f.write(octets)
    path = {name: directory + "/" + name for name in files}
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", path["key.der"],
               "-rawin", "-in", path["signed"], "-sigfile", path["signature"]]
    if alg in HASHES:
        command += ["-digest", HASHES[alg]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        vectors = json.load(f)
    for vector in vectors:
        try:
            check(vector, sys.argv[2])
        except Exception as e:
            sys.exit("%s: %s %s" % (vector["name"], type(e).__name__, e))
    print(len(vectors), "verified")


main()
