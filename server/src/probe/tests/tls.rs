//! Questions over TLS, to a server whose certificate nobody should trust: another's name, signed by itself, and out of date.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::probe::HttpQuestion;

/// Made for this test, and of no use for anything else.
const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBhzCCAS2gAwIBAgIUUHVLYC7Tpa1CYgfqTY9DBS/thoUwCgYIKoZIzj0EAwIw\n\
GTEXMBUGA1UEAwwObm9ib2R5LmludmFsaWQwHhcNMjYxMTI5MDI0ODI2WhcNMjYx\n\
MTMwMDI0ODI2WjAZMRcwFQYDVQQDDA5ub2JvZHkuaW52YWxpZDBZMBMGByqGSM49\n\
AgEGCCqGSM49AwEHA0IABAtMObfH0hgGIFrH+kuhaZV5ZmrEZuj6jQgKV04Prdjg\n\
Naxjvh51unlZ3TyG8chsXdDj6LgxwjdEdv8imrmETtSjUzBRMB0GA1UdDgQWBBSQ\n\
EYgyUBgHpS7AqeKdAu0TT8MTADAfBgNVHSMEGDAWgBSQEYgyUBgHpS7AqeKdAu0T\n\
T8MTADAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQCjfBkViKSu\n\
p6qTQLeIbjjs4P9VULgJ5yqrkhZPSWnGMwIgK9mNgZrNs984Z3sEVahCyNN+ioO8\n\
n3ZVje8gAJzPfIs=\n\
-----END CERTIFICATE-----\n\
";

/// The key of that certificate.
const KEY: &str = "\
-----BEGIN PRIVATE KEY-----\n\
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgXHnL9E1N/lP0SroY\n\
fMkTRsSpDLVI8pYqw+t8w0MBc9ShRANCAAQLTDm3x9IYBiBax/pLoWmVeWZqxGbo\n\
+o0ICldOD63Y4DWsY74edbp5Wd08hvHIbF3Q4+i4McI3RHb/Ipq5hE7U\n\
-----END PRIVATE KEY-----\n\
";

/// A web server with TLS that answers each request with 204; its port.
pub(crate) async fn serve(ip: &str) -> u16 {
    let ip: IpAddr = ip.parse().unwrap();
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((ip, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A question that only connects ends here.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 1_024];
            let read = stream.read(&mut request).await.unwrap();
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            let host = if ip.is_ipv6() { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") };
            let is_right = request.to_lowercase().contains(&format!("host: {host}\r\n"));
            let status = if is_right { 204 } else { 400 };
            let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    port
}

#[tokio::test]
async fn no_certificate_keeps_a_question_from_being_answered() {
    for host in ["127.0.0.1", "::1"] {
        let port = serve(host).await;
        let stream = tokio::net::TcpStream::connect((host, port)).await.unwrap();
        let question = HttpQuestion { is_tls: true, host, port, path: "/", body_limit: 0 };
        assert_eq!(question.ask(stream).await.unwrap().status, 204, "{host}");
    }
}
