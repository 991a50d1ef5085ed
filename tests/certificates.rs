//! Certificates for servers of the tests' own.

/// A piece of shell that makes certificates in the directory `$1`: `root.crt` has signed `server.crt`, which is of
/// `localhost`, and `client.crt`, which is of the user `certified`; `other.crt` has signed neither. The keys are beside
/// them.
pub const MAKE_CERTIFICATES: &str = r#"cd "$1" && umask 077
    key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out "$1.key"; }
    for root in root other; do
        key $root
        openssl req -x509 -new -key $root.key -subj "/CN=$root" -days 2 -out $root.crt
    done
    echo "subjectAltName=DNS:localhost" >server.ext
    for name in server client; do
        key $name
        openssl req -new -key $name.key -subj "/CN=certified" |
            openssl x509 -req -CA root.crt -CAkey root.key -CAcreateserial -days 2 -extfile server.ext -out $name.crt
    done"#;
