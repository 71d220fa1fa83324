package flinkonmesos;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.flink.client.deployment.ClusterDeploymentException;
import org.apache.flink.client.deployment.ClusterDescriptor;
import org.apache.flink.client.deployment.ClusterRetrieveException;
import org.apache.flink.client.deployment.ClusterSpecification;
import org.apache.flink.client.deployment.StandaloneClusterDescriptor;
import org.apache.flink.client.deployment.StandaloneClusterId;
import org.apache.flink.client.deployment.application.ApplicationConfiguration;
import org.apache.flink.client.program.ClusterClientProvider;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.CoreOptions;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.util.EnvironmentInformation;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ArrayNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.JsonNodeFactory;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.util.FlinkException;

/** Applications: the dispatcher is given a specification, and the job's {@code main} runs in the AppMaster. */
final class ApplicationDescriptor implements ClusterDescriptor<StandaloneClusterId> {
    /** What Flink's own configuration files say of the machine that they lie on. */
    private static final Set<String> OF_THIS_MACHINE = new HashSet<>(Arrays.asList(
            "jobmanager.rpc.address", "jobmanager.rpc.port", "jobmanager.bind-host", "taskmanager.bind-host", "taskmanager.host",
            "rest.address", "rest.bind-address", "rest.port"));
    /** What the specification says in another place, or what concerns the client alone. */
    private static final Set<String> SAID_ELSEWHERE = new HashSet<>(Arrays.asList(
            "execution.target", "execution.attached", "execution.shutdown-on-attached-exit", "pipeline.jars", "pipeline.classpaths",
            Targets.CLUSTER_ID.key(), Access.DISPATCHER.key()));

    private final Configuration configuration;

    ApplicationDescriptor(Configuration configuration) {
        this.configuration = configuration;
    }

    @Override
    public String getClusterDescription() {
        return "an application on Mesos";
    }

    @Override
    public ClusterClientProvider<StandaloneClusterId> retrieve(StandaloneClusterId id) throws ClusterRetrieveException {
        return new StandaloneClusterDescriptor(Session.of(configuration)).retrieve(id);
    }

    @Override
    public ClusterClientProvider<StandaloneClusterId> deployApplicationCluster(
            ClusterSpecification specification, ApplicationConfiguration application) throws ClusterDeploymentException {
        String name = Targets.cluster(configuration);
        try {
            Dispatcher dispatcher = new Dispatcher(configuration);
            dispatcher.create(manifest(name, application, dispatcher));
            System.out.println("The dispatcher has taken application " + name + ".");
            return new StandaloneClusterDescriptor(Session.of(configuration)).retrieve(StandaloneClusterId.getInstance());
        } catch (Exception error) {
            throw new ClusterDeploymentException("application " + name + " is not taken", error);
        }
    }

    /** Where the AppMaster finds the job: a file of this machine is pushed to the dispatcher. */
    private String jar(Dispatcher dispatcher) throws Exception {
        List<String> jars = configuration.get(PipelineOptions.JARS);
        if (jars == null || jars.size() != 1) {
            throw new ClusterDeploymentException("one jar is expected, not " + (jars == null ? 0 : jars.size()));
        }
        Path file = Artifact.local(jars.get(0));
        return file == null ? jars.get(0) : dispatcher.push(Artifact.of(file));
    }

    private ObjectNode manifest(String name, ApplicationConfiguration application, Dispatcher dispatcher) throws Exception {
        ApplicationFiles files = new ApplicationFiles(dispatcher);
        String entryClass = application.getApplicationClassName();
        ObjectNode manifest = JsonNodeFactory.instance.objectNode();
        manifest.put("apiVersion", "flink.apache.org/v1beta1").put("kind", "FlinkDeployment");
        manifest.putObject("metadata").put("name", name);
        ObjectNode spec = manifest.putObject("spec");
        String[] version = EnvironmentInformation.getVersion().split("\\.");
        spec.put("flinkVersion", "v" + version[0] + "_" + version[1]);
        ObjectNode settings = spec.putObject("flinkConfiguration");
        for (Map.Entry<String, String> setting : files.settings(configuration).toMap().entrySet()) {
            String key = setting.getKey();
            if (!OF_THIS_MACHINE.contains(key) && !SAID_ELSEWHERE.contains(key) && !key.startsWith("$internal.")) {
                settings.put(key, setting.getValue());
            }
        }
        spec.putObject("jobManager");
        spec.putObject("taskManager");
        ObjectNode job = spec.putObject("job");
        // Flink itself knows where the jar for Python is.
        if (!ApplicationFiles.isPython(entryClass)) {
            job.put("jarURI", jar(dispatcher));
        }
        if (entryClass != null) {
            job.put("entryClass", entryClass);
        }
        ArrayNode arguments = job.putArray("args");
        String[] given = application.getProgramArguments();
        Arrays.stream(ApplicationFiles.isPython(entryClass) ? files.arguments(given) : given).forEach(arguments::add);
        job.put("parallelism", configuration.get(CoreOptions.DEFAULT_PARALLELISM));
        job.put("upgradeMode", "stateless");
        if (!files.uris().isEmpty()) {
            ArrayNode uris = spec.putObject("mesos").putArray("uris");
            files.uris().forEach(uris::add);
        }
        return manifest;
    }

    @Override
    public ClusterClientProvider<StandaloneClusterId> deploySessionCluster(ClusterSpecification specification) {
        throw new UnsupportedOperationException("`flink-on-mesos session create` makes sessions");
    }

    /** Flink 1.x has it. */
    @SuppressWarnings("deprecation")
    public ClusterClientProvider<StandaloneClusterId> deployJobCluster(
            ClusterSpecification specification, JobGraph job, boolean isDetached) {
        throw new UnsupportedOperationException("a cluster for one job is an application: -t " + Targets.APPLICATION);
    }

    @Override
    public void killCluster(StandaloneClusterId id) throws FlinkException {
        String name = Targets.cluster(configuration);
        try {
            new Dispatcher(configuration).delete(name);
        } catch (Exception error) {
            throw new FlinkException("application " + name + " cannot be deleted", error);
        }
    }

    @Override
    public void close() {}
}
