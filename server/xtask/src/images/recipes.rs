//! What goes into each stand-in image.

use super::root::{Root, entries};
use crate::{Failure, Result};

/// How one image is made.
pub(crate) struct Recipe {
    /// Short name, for files.
    pub(crate) name: &'static str,
    /// The name that application definitions use.
    pub(crate) image: &'static str,
    /// Raised whenever the recipe changes.
    pub(crate) edition: u32,
    /// Debian packages to take from; what they depend on comes along.
    pub(crate) packages: &'static [&'static str],
    /// The image's settings, as Dockerfile instructions.
    pub(crate) changes: &'static [&'static str],
    /// Fills the root file system.
    pub(crate) fill: fn(&Root<'_>) -> Result<()>,
}

/// All stand-ins.
pub(crate) const ALL: &[Recipe] = &[BUSYBOX, NGINX, TOMCAT];

const BUSYBOX: Recipe = Recipe {
    name: "busybox",
    image: "docker.io/busybox",
    edition: 1,
    packages: &["busybox-static"],
    changes: &["CMD [\"sh\"]"],
    fill: fill_busybox,
};

fn fill_busybox(root: &Root<'_>) -> Result<()> {
    root.add_busybox()?;
    write_users(root)
}

/// The server in the foreground, pages in `/usr/share/nginx/html`, logs on stdout and
/// stderr: what users of the registry's image rely on.
const NGINX: Recipe = Recipe {
    name: "nginx",
    image: "docker.io/nginx",
    edition: 1,
    packages: &["nginx", "busybox-static"],
    changes: &["EXPOSE 80", "CMD [\"nginx\", \"-g\", \"daemon off;\"]"],
    fill: fill_nginx,
};

const NGINX_CONF: &str = "\
user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /dev/stderr notice;
events { worker_connections 1024; }
http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    log_format main '$remote_addr - $remote_user [$time_local] \"$request\" '
                    '$status $body_bytes_sent \"$http_referer\" \"$http_user_agent\"';
    access_log /dev/stdout main;
    sendfile on;
    keepalive_timeout 65;
    include /etc/nginx/conf.d/*.conf;
}
";

const NGINX_SITE: &str = "\
server {
    listen 80;
    server_name localhost;
    location / {
        root /usr/share/nginx/html;
        index index.html index.htm;
    }
}
";

fn fill_nginx(root: &Root<'_>) -> Result<()> {
    root.add_busybox()?;
    write_users(root)?;
    root.copy("usr/sbin/nginx")?;
    root.add_libraries_of("usr/sbin/nginx")?;
    root.copy("etc/nginx/mime.types")?;
    root.copy("usr/share/nginx/html")?;
    root.write("etc/nginx/nginx.conf", NGINX_CONF)?;
    root.write("etc/nginx/conf.d/default.conf", NGINX_SITE)?;
    for folder in ["var/log/nginx", "var/lib/nginx", "usr/share/nginx/modules-available"] {
        root.make_folder(folder)?;
    }
    Ok(())
}

/// Tomcat on 8080 with its own front page, logs on stderr as its console handler writes them. The heap is bounded so that it
/// starts inside the 128 MiB that the guide's tomcat asks for.
const TOMCAT: Recipe = Recipe {
    name: "tomcat",
    image: "docker.io/tomcat",
    edition: 1,
    packages: &["tomcat10", "openjdk-17-jre-headless", "busybox-static"],
    changes: &[
        "EXPOSE 8080",
        "WORKDIR /usr/local/tomcat",
        "ENV CATALINA_HOME=/usr/share/tomcat10 CATALINA_BASE=/usr/local/tomcat JAVA_HOME=/usr/lib/jvm/java",
        "CMD [\"/usr/lib/jvm/java/bin/java\", \"-Xms16m\", \"-Xmx48m\", \"-XX:+UseSerialGC\", \"-XX:TieredStopAtLevel=1\", \
         \"-Xshare:auto\", \"-Djava.util.logging.config.file=/usr/local/tomcat/conf/logging.properties\", \
         \"-Djava.util.logging.manager=org.apache.juli.ClassLoaderLogManager\", \"-Djava.security.egd=file:/dev/urandom\", \
         \"-Dcatalina.home=/usr/share/tomcat10\", \"-Dcatalina.base=/usr/local/tomcat\", \"-Djava.io.tmpdir=/tmp\", \
         \"-classpath\", \"/usr/share/tomcat10/bin/bootstrap.jar:/usr/share/tomcat10/bin/tomcat-juli.jar\", \
         \"org.apache.catalina.startup.Bootstrap\", \"start\"]",
    ],
    fill: fill_tomcat,
};

const TOMCAT_LOGGING: &str = "\
handlers = java.util.logging.ConsoleHandler
.level = INFO
java.util.logging.ConsoleHandler.level = FINE
java.util.logging.ConsoleHandler.formatter = org.apache.juli.OneLineFormatter
";

/// Without the access log's file valve and the shutdown port; requests are logged by nobody.
const TOMCAT_SERVER: &str = "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<Server port=\"-1\">
  <Service name=\"Catalina\">
    <Connector port=\"8080\" protocol=\"HTTP/1.1\" connectionTimeout=\"20000\"/>
    <Engine name=\"Catalina\" defaultHost=\"localhost\">
      <Host name=\"localhost\" appBase=\"webapps\" unpackWARs=\"true\" autoDeploy=\"false\"/>
    </Engine>
  </Service>
</Server>
";

fn fill_tomcat(root: &Root<'_>) -> Result<()> {
    root.add_busybox()?;
    write_users(root)?;
    fill_java(root)?;
    for part in ["usr/share/tomcat10/bin", "usr/share/tomcat10/lib", "usr/share/java"] {
        root.copy(part)?;
    }
    root.copy("usr/share/tomcat10/etc")?;
    root.copy("usr/share/tomcat10-root/default_root")?;
    for folder in ["webapps", "logs", "work", "temp"] {
        root.make_folder(&format!("usr/local/tomcat/{folder}"))?;
    }
    root.link("usr/local/tomcat/webapps/ROOT", "../../../share/tomcat10-root/default_root")?;
    root.make_folder("usr/local/tomcat/conf")?;
    for file in ["web.xml", "context.xml", "catalina.properties", "tomcat-users.xml"] {
        root.link(
            &format!("usr/local/tomcat/conf/{file}"),
            &format!("/usr/share/tomcat10/etc/{file}"),
        )?;
    }
    root.write("usr/local/tomcat/conf/logging.properties", TOMCAT_LOGGING)?;
    root.write("usr/local/tomcat/conf/server.xml", TOMCAT_SERVER)
}

/// The headless Java, without what only desktops and compilers use.
fn fill_java(root: &Root<'_>) -> Result<()> {
    const HOME: &str = "usr/lib/jvm/java-17-openjdk-";
    let packages = root.packages_folder();
    let home = entries(&packages.join("usr/lib/jvm"))
        .into_iter()
        .find(|folder| {
            !folder.is_symlink() && folder.to_string_lossy().contains("java-17-openjdk-")
        })
        .and_then(|folder| Some(format!("usr/lib/jvm/{}", folder.file_name()?.to_str()?)))
        .ok_or_else(|| Failure::new(format!("the Java package has no folder `{HOME}…`")))?;
    root.copy(&home)?;
    root.copy("etc/java-17-openjdk")?;
    root.link("usr/lib/jvm/java", home.rsplit('/').next().unwrap_or_default())?;
    for unused in [
        "lib/ct.sym",
        "man",
        "legal",
        "docs",
        "lib/libmlib_image.so",
        "lib/libawt.so",
        "lib/libawt_headless.so",
        "lib/libfontmanager.so",
    ] {
        root.remove(&format!("{home}/{unused}"))?;
    }
    for library in [
        "libjava.so",
        "libjli.so",
        "libnet.so",
        "libnio.so",
        "libzip.so",
        "libjimage.so",
        "server/libjvm.so",
    ] {
        if packages.join(&home).join("lib").join(library).is_file() {
            root.add_libraries_of(&format!("{home}/lib/{library}"))?;
        }
    }
    root.add_libraries_of(&format!("{home}/bin/java"))
}

fn write_users(root: &Root<'_>) -> Result<()> {
    root.write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n")?;
    root.write("etc/group", "root:x:0:\nadm:x:4:\nwww-data:x:33:\nnogroup:x:65534:\n")?;
    root.write("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
}
