/// A configuration of nginx that keeps all it writes in the directory that it is started with (`-p`). `DATA` stands for that.
pub const NGINX: &str = "
worker_processes 2;
pid nginx.pid;
events {}
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server { listen unix:DATA/socket; }
}
";
