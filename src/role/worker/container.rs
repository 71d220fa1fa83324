//! The container of a TaskManager in Mesos' words.

use conf::settings::{Container, DockerParameter, Image, Mount, Network, Runtime};
use mesos::wire::container::{ContainerInfo, ContainerType, DockerInfo, DockerNetwork, MesosInfo};
use mesos::wire::label::Parameter;
use mesos::wire::network::NetworkInfo;
use mesos::wire::volume::{self, DockerImage, ImageType, Volume, VolumeMode};

/// Where Docker's containerizer shows a container its sandbox, unless an agent's `--sandbox_directory` says otherwise.
pub const SANDBOX: &str = "/mnt/mesos/sandbox";

/// With options of `docker run`, of which the last of a kind counts: unlike Mesos' own containerizer Docker's starts nothing
/// in the sandbox. A program there is the entrypoint, so that neither the image's nor a shell, which it need not have, is
/// in the way.
pub fn in_sandbox(mut container: Container, entrypoint: Option<&str>) -> Container {
    if let Runtime::Docker { parameters, .. } = &mut container.runtime {
        let parameter =
            |key: &str, value: &str| DockerParameter { key: key.to_owned(), value: value.to_owned() };
        let own = entrypoint.map(|program| parameter("entrypoint", program));
        parameters.splice(0..0, own.into_iter().chain([parameter("workdir", SANDBOX)]));
    }
    container
}

/// Whether the user has one of his own.
pub fn has_entrypoint(container: &Container) -> bool {
    match &container.runtime {
        Runtime::Docker { parameters, .. } => {
            parameters.iter().any(|parameter| parameter.key == "entrypoint")
        }
        Runtime::Mesos { .. } => false,
    }
}

/// `None` for a task that needs nothing but the agent's file system and network.
pub fn info(container: &Container) -> Option<ContainerInfo> {
    let is_plain = container.runtime == (Runtime::Mesos { image: None })
        && container.volumes.is_empty()
        && container.network == Network::Host;
    if is_plain {
        return None;
    }
    let named = match &container.network {
        Network::Named(name) => vec![NetworkInfo { name: Some(name.clone()), ..NetworkInfo::default() }],
        Network::Host | Network::Bridge => Vec::new(),
    };
    let volumes = container.volumes.iter().map(volume).collect();
    let info = ContainerInfo { volumes, network_infos: named, ..ContainerInfo::default() };
    Some(match &container.runtime {
        Runtime::Mesos { image } => ContainerInfo {
            r#type: Some(ContainerType::Mesos as i32),
            mesos: Some(MesosInfo { image: image.as_ref().map(mesos_image) }),
            ..info
        },
        Runtime::Docker { image, parameters } => {
            let network = match &container.network {
                Network::Host => DockerNetwork::Host,
                Network::Bridge => DockerNetwork::Bridge,
                Network::Named(_) => DockerNetwork::User,
            };
            let parameter = |key: &str, value: &str| Parameter {
                key: Some(key.to_owned()),
                value: Some(value.to_owned()),
            };
            let docker = DockerInfo {
                image: Some(image.name.clone()),
                network: Some(network as i32),
                parameters: parameters.iter().map(|known| parameter(&known.key, &known.value)).collect(),
                force_pull_image: Some(image.force_pull),
                ..DockerInfo::default()
            };
            ContainerInfo { r#type: Some(ContainerType::Docker as i32), docker: Some(docker), ..info }
        }
    })
}

fn mesos_image(image: &Image) -> volume::Image {
    volume::Image {
        r#type: Some(ImageType::Docker as i32),
        docker: Some(DockerImage { name: Some(image.name.clone()), ..DockerImage::default() }),
        cached: Some(!image.force_pull),
        ..volume::Image::default()
    }
}

fn volume(wanted: &conf::settings::Volume) -> Volume {
    let mode = match wanted.mount {
        Mount::ReadWrite => VolumeMode::Rw,
        Mount::ReadOnly => VolumeMode::Ro,
    };
    Volume {
        container_path: Some(wanted.container_path.clone()),
        host_path: wanted.host_path.clone(),
        mode: Some(mode as i32),
        ..Volume::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Image {
        Image { name: "flink:1.20".into(), force_pull: true }
    }

    #[test]
    fn nothing_special_is_no_container() {
        let runtime = Runtime::Mesos { image: None };
        assert_eq!(info(&Container { runtime, volumes: Vec::new(), network: Network::Host }), None);
    }

    #[test]
    fn docker_with_everything() {
        let parameters = vec![DockerParameter { key: "ulimit".into(), value: "nofile=9:9".into() }];
        let host_path = Some("/data".to_owned());
        let volumes =
            vec![conf::settings::Volume { host_path, container_path: "/d".into(), mount: Mount::ReadOnly }];
        let runtime = Runtime::Docker { image: image(), parameters };
        let made = info(&Container { runtime, volumes, network: Network::Bridge }).expect("a container");
        let docker = made.docker.expect("docker");
        assert_eq!(made.r#type, Some(ContainerType::Docker as i32));
        assert_eq!(docker.network, Some(DockerNetwork::Bridge as i32));
        assert_eq!(docker.force_pull_image, Some(true));
        assert_eq!(docker.parameters[0].value.as_deref(), Some("nofile=9:9"));
        assert_eq!(made.volumes[0].mode, Some(VolumeMode::Ro as i32));
    }

    #[test]
    fn a_program_in_the_sandbox_is_the_entrypoint_unless_the_user_has_another() {
        let keys = |entrypoint: Option<&str>, own: &[(&str, &str)]| {
            let parameters = own
                .iter()
                .map(|(key, value)| DockerParameter { key: (*key).to_owned(), value: (*value).to_owned() });
            let runtime = Runtime::Docker { image: image(), parameters: parameters.collect() };
            let container = Container { runtime, volumes: Vec::new(), network: Network::Host };
            let has_own = has_entrypoint(&container);
            let made = info(&in_sandbox(container, entrypoint)).expect("a container").docker.expect("docker");
            let told = made.parameters.iter().map(|parameter| {
                format!("{}={}", parameter.key.as_deref().unwrap(), parameter.value.as_deref().unwrap())
            });
            (told.collect::<Vec<_>>().join(" "), has_own)
        };
        let program = Some("/mnt/mesos/sandbox/flink-on-mesos");
        let whole = "entrypoint=/mnt/mesos/sandbox/flink-on-mesos workdir=/mnt/mesos/sandbox";
        assert_eq!(keys(program, &[]), (whole.to_owned(), false));
        // The last of a kind counts, so the user's come after ours.
        let own = [("workdir", "/x"), ("user", "root")];
        assert_eq!(keys(program, &own), (format!("{whole} workdir=/x user=root"), false));
        let own = [("entrypoint", "/init")];
        assert_eq!(keys(None, &own), ("workdir=/mnt/mesos/sandbox entrypoint=/init".to_owned(), true));
    }

    #[test]
    fn a_mesos_container_on_a_named_network() {
        let runtime = Runtime::Mesos { image: Some(image()) };
        let network = Network::Named("calico".into());
        let made = info(&Container { runtime, volumes: Vec::new(), network }).expect("a container");
        assert_eq!(made.network_infos[0].name.as_deref(), Some("calico"));
        let image = made.mesos.and_then(|mesos| mesos.image).expect("an image");
        assert_eq!((image.cached, image.r#type), (Some(false), Some(ImageType::Docker as i32)));
    }
}
