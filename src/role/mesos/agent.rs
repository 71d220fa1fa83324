//! `flink-on-mesos mesos --agent`: one agent, whose master is another process.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs as _, UdpSocket};

use base::time::Clock;
use init::plan::Inherited;
use mini_mesos::cluster::Pace;
use mini_mesos::http::sandboxes;
use mini_mesos::master::AgentDescription;
use mini_mesos::reaper::Reaper;
use mini_mesos::remote::{RemoteAgent, Settings};
use mini_mesos::sandboxes::Sandboxes;
use serve::Listening;

use super::{
    MesosError, Options, absolute, agent_options, announce, epoch, guards, hostname, ids, listen, make,
    stop_signal,
};

const PORT: u16 = 5051;

/// Runs until it is stopped or its master sends it away.
pub async fn serve(options: &Options, master: &str, inherited: &Inherited) -> Result<(), MesosError> {
    let given = agent_options::read(options)?.remove(0);
    let stop = stop_signal(inherited)?;
    let ip = match options.ip {
        Some(ip) => ip,
        None => {
            ip_towards(master).map_err(|source| MesosError::Route { master: master.to_owned(), source })?
        }
    };
    let (listener, address) = listen(options, SocketAddr::from((ip, options.port.unwrap_or(PORT)))).await?;
    let work_dir = absolute(&options.work_dir)?;
    make(&work_dir)?;
    announce(options, address)?;
    let description = AgentDescription {
        hostname: hostname(options, ip),
        ip: ip.to_string(),
        port: address.port(),
        number: 1,
        attributes: given.attributes,
        domain: given.domain,
        resources: given.resources,
    };
    let service =
        sandboxes::router(Sandboxes::new([work_dir.clone()]), &guards(options)?).into_make_service();
    let server = tokio::spawn(axum::serve(Listening::new(listener, "agent"), service).into_future());
    let settings = Settings {
        master: master.to_owned(),
        description,
        work_dir,
        epoch: epoch(),
        containment: options.containment(),
    };
    let reaper = Reaper::start().map_err(MesosError::Runtime)?;
    // Until a master says how fast.
    let pace = Pace::new(Clock::start(), 1);
    let ended = RemoteAgent::new(settings, ids(options), pace, &reaper).run(stop).await;
    server.abort();
    ended.map_err(MesosError::Master)
}

/// The address of this host that its packets to the master come from; nothing is sent.
fn ip_towards(master: &str) -> io::Result<Ipv4Addr> {
    let no_address = || io::Error::new(io::ErrorKind::AddrNotAvailable, "it has no IPv4 address");
    let to = master.to_socket_addrs()?.find(SocketAddr::is_ipv4).ok_or_else(no_address)?;
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(to)?;
    match socket.local_addr()? {
        SocketAddr::V4(address) => Ok(*address.ip()),
        SocketAddr::V6(_) => Err(no_address()),
    }
}
