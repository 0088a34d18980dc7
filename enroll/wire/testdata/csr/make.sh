#!/bin/sh
# Makes the golden requests and certs-only messages with openssl. Run here:
#   sh make.sh
# The keys are thrown away; tests need only the public halves.
set -e
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$tmp/p256"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out "$tmp/p384"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -out "$tmp/p521"
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$tmp/rsa" 2>/dev/null
openssl genpkey -algorithm ED25519 -out "$tmp/ed"
# make NAME KEY CONFIG-SECTION OPTIONS...
make() {
	name=$1 key=$2 section=$3
	shift 3
	sed -e "s/^\[$section\]\$/[req]/;t" -e "s/^\[req\]\$/[other]/" req.cnf >"$tmp/cnf"
	openssl req -new -config "$tmp/cnf" -key "$tmp/$key" -outform DER -out "$name.der" "$@"
}
make ec-p256 p256 req -sha256
make ec-p384 p384 req -sha384
make ec-p521 p521 req -sha512
make rsa-2048 rsa req -sha256
make rsa-pss rsa req -sha256 -sigopt rsa_padding_mode:pss
make rsa-pss-32 rsa req -sha384 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:-1
make ed25519 ed req
make challenge p256 challenge -sha256
make full p256 full -sha256
make ca p256 ca -sha256
make empty-subject p256 req -sha256 -subj /
make rsa-sha1 rsa req -sha1
make rsa-pss-sha1 rsa req -sha1 -sigopt rsa_padding_mode:pss
make rsa-md5 rsa req -md5
make ec-sha1 p256 req -sha1
for n in a b; do
	openssl req -x509 -config req.cnf -key "$tmp/p256" -subj "/CN=$n" -days 3650 -out "$tmp/$n.crt"
done
cat "$tmp/a.crt" "$tmp/b.crt" >../two.pem
openssl crl2pkcs7 -nocrl -certfile ../two.pem -outform DER -out ../two.p7
openssl crl2pkcs7 -nocrl -outform DER -out ../none.p7
