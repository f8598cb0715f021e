//! Servers with TLS: believed where the machine knows who signed for them, told in plain words where it does not.
//!
//! Which authorities a machine knows a process reads from its environment, so each case runs in a process of its own: this test again.

use std::process::Command;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

/// Says which case a process is for.
const CASE: &str = "EKIDEN_TEST_AUTHORITIES";

/// Authorities and a server's certificate and key, made for this test and of no use for anything else; good for a hundred years.
const AUTHORITY: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBZTCCAQugAwIBAgIBATAKBggqhkjOPQQDAjAZMRcwFQYDVQQDDA5Fa2lkZW4g\n\
dGVzdCBjYTAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowGTEXMBUG\n\
A1UEAwwORWtpZGVuIHRlc3QgY2EwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASM\n\
nNK253d/hn/GrZL73qj2WCyGIrVP4OrORloxL3ofjwPZrsPyVITBHCs8qPLbIWpR\n\
fvRgxMTyIaYQ2uMeOnWao0IwQDAPBgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQE\n\
AwIBBjAdBgNVHQ4EFgQUz/Vo0KbnV+haOvmpY//oGLktOegwCgYIKoZIzj0EAwID\n\
SAAwRQIhAKtecgIpdv903JeF4OAdtoY163uAqfjlQr57BalbCYNWAiBZoECTZ7lh\n\
ow8Jc9iG+K8ofQO6acfHITIhQl6klXBjuw==\n\
-----END CERTIFICATE-----\n\
";
const OTHER_AUTHORITY: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBajCCARGgAwIBAgIBAjAKBggqhkjOPQQDAjAcMRowGAYDVQQDDBFFa2lkZW4g\n\
dGVzdCBvdGhlcjAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowHDEa\n\
MBgGA1UEAwwRRWtpZGVuIHRlc3Qgb3RoZXIwWTATBgcqhkjOPQIBBggqhkjOPQMB\n\
BwNCAARz8MWt8pFzg/1dM1vTWMZ49PMXfTeLZER629tMLndMso40Oj8zc3IAP2Mb\n\
CzUmB1Sis4RvY/G7EzbZfNmjdG1jo0IwQDAPBgNVHRMBAf8EBTADAQH/MA4GA1Ud\n\
DwEB/wQEAwIBBjAdBgNVHQ4EFgQUc80QoHL1Hhzq4Ha53o6BuwUpYt8wCgYIKoZI\n\
zj0EAwIDRwAwRAIgeW4n8hHNKvYUeihHwymZC+WxbZG+881qeK2Z/X283wcCIFPY\n\
w2tR4zQt1GTWDEhZj2usqlwc9AOguoP4vTSbWjz8\n\
-----END CERTIFICATE-----\n\
";
/// For 127.0.0.1, by the first.
const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBmjCCAT+gAwIBAgIBAzAKBggqhkjOPQQDAjAZMRcwFQYDVQQDDA5Fa2lkZW4g\n\
dGVzdCBjYTAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowGTEXMBUG\n\
A1UEAwwOc2VydmVyLmludmFsaWQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARc\n\
y2acT+mixUVpoZ1YYAYDAvy7HawOTQ4sUCG5a0wDi8fmmUqvvxBmlo33vm1R0/kO\n\
lVygZaDbhzu4ppkIjgbBo3YwdDAMBgNVHRMBAf8EAjAAMA8GA1UdEQQIMAaHBH8A\n\
AAEwEwYDVR0lBAwwCgYIKwYBBQUHAwEwHQYDVR0OBBYEFAJmNJ6AY/JGwg4rMFI7\n\
5POHvkrhMB8GA1UdIwQYMBaAFM/1aNCm51foWjr5qWP/6Bi5LTnoMAoGCCqGSM49\n\
BAMCA0kAMEYCIQDXFjHDALsFvrEILSBqZ7x5LmVzizfWG/l37g6Ax2C7UwIhAOIX\n\
2MPGBqNZY70GidqWG55El3fl+VdV+L8cYOK4tgaX\n\
-----END CERTIFICATE-----\n\
";
const KEY: &str = "\
-----BEGIN PRIVATE KEY-----\n\
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgwGAISFGGFUnZMT/2\n\
xuI8Ze5giGTaN09TOHV+68mjlEyhRANCAARcy2acT+mixUVpoZ1YYAYDAvy7HawO\n\
TQ4sUCG5a0wDi8fmmUqvvxBmlo33vm1R0/kOlVygZaDbhzu4ppkIjgbB\n\
-----END PRIVATE KEY-----\n\
";

/// A web server with TLS; its port.
async fn serve() -> u16 {
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that does not believe it hangs up.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 4_096]).await;
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    port
}

async fn is_fetched_where_its_authority_is_known(is_known: bool) {
    let (bench, web, port) = (Bench::new(), Web::start().await, serve().await);
    // What needs no authority is fetched in any case.
    bench.fetch(&[item(web.url("/file.txt"))]).await.unwrap();
    let fetched = bench.fetch(&[item(format!("https://127.0.0.1:{port}/greeting"))]).await;
    if is_known {
        fetched.unwrap();
        assert_eq!(bench.text("greeting"), "hello");
        return;
    }
    let told = fetched.unwrap_err().to_string();
    let wanted = format!("Failed to fetch `https://127.0.0.1:{port}/greeting`: ");
    assert!(told.starts_with(&wanted), "{told}");
    assert!(
        told.contains("this machine does not know who signed the server's certificate"),
        "{told}"
    );
    assert!(told.contains("update-ca-certificates"), "{told}");
}

#[tokio::test]
async fn a_server_is_believed_where_the_machine_knows_who_signed_for_it() {
    match std::env::var(CASE).as_deref() {
        Ok("known") => return is_fetched_where_its_authority_is_known(true).await,
        Ok(_) => return is_fetched_where_its_authority_is_known(false).await,
        Err(_) => {}
    }
    let folder = tempfile::tempdir().unwrap();
    for (case, authorities) in [("known", AUTHORITY), ("unknown", OTHER_AUTHORITY), ("none", "")] {
        let file = folder.path().join(case);
        fs::write(&file, authorities).unwrap();
        let mut again = Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", "--nocapture"]).arg(
            "fetcher::tests::tls::a_server_is_believed_where_the_machine_knows_who_signed_for_it",
        );
        again.env(CASE, case).env("SSL_CERT_FILE", &file).env_remove("SSL_CERT_DIR");
        let output = again.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("1 passed"), "{case}: {said}");
    }
}
