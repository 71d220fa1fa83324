# Dispatchers as Aurora services: one with its state on its host, `aurora job create CLUSTER/ROLE/prod/dispatcher image/dispatcher/aurora.py`,
# or two with ZooKeeper, …/prod/dispatchers. Either has its configuration in /etc/flink-on-mesos.


def dispatcher(*options):
    return Process(
        name="dispatcher",
        cmdline=" ".join([
            "HOST={{mesos.hostname}}",
            # Where agents and AppMasters look, after a restart too.
            "PORT_ARTIFACT=28090",
            # For commands on the same host.
            "FLINK_ON_MESOS_DISPATCHER=unix:/tmp/flink-dispatcher.sock",
            "exec flink-on-mesos dispatcher",
            *("-D " + option for option in options),
        ]),
    )


def service(name, process, **more):
    return Service(
        cluster="devcluster",
        role="flink",
        environment="prod",
        name=name,
        task=Task(
            name=name,
            processes=[process],
            resources=Resources(cpu=0.5, ram=128 * MB, disk=128 * MB),
            finalization_wait=15,
        ),
        # The port of the API, which is asked for its health; users find it there after a restart too.
        announce=Announcer(portmap={"health": 8090}),
        health_check_config=HealthCheckConfig(
            health_checker=HealthCheckerConfig(
                http=HttpHealthChecker(endpoint="/healthz", expected_response="ok", expected_response_code=200),
            ),
            initial_interval_secs=30,
            interval_secs=10,
            timeout_secs=6,
            max_consecutive_failures=6,
        ),
        **more,
    )


jobs = [
    # Its state is in /var/lib/flink-on-mesos, which the job's role can write to.
    service("dispatcher", dispatcher(), constraints={"host": "agent1.example.org"}),
    service(
        "dispatchers",
        dispatcher("dispatcher.zookeeper=zk://zk-1:2181,zk-2:2181,zk-3:2181/flink-on-mesos/dispatcher"),
        instances=2,
        # Ports are the same everywhere.
        constraints={"host": "limit:1"},
    ),
]
