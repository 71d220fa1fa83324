package flinkonmesos;

import java.util.Optional;
import org.apache.flink.client.deployment.ClusterClientFactory;
import org.apache.flink.client.deployment.ClusterDescriptor;
import org.apache.flink.client.deployment.ClusterSpecification;
import org.apache.flink.client.deployment.StandaloneClusterDescriptor;
import org.apache.flink.client.deployment.StandaloneClusterId;
import org.apache.flink.configuration.Configuration;

/** {@code flink list|cancel|stop|savepoint|checkpoint -t mesos-session|mesos-application}, and applications. */
public final class ClusterClients implements ClusterClientFactory<StandaloneClusterId> {
    @Override
    public boolean isCompatibleWith(Configuration configuration) {
        return Targets.is(configuration, Targets.SESSION) || Targets.is(configuration, Targets.APPLICATION);
    }

    @Override
    public ClusterDescriptor<StandaloneClusterId> createClusterDescriptor(Configuration configuration) {
        return Targets.is(configuration, Targets.APPLICATION)
                ? new ApplicationDescriptor(configuration)
                : new StandaloneClusterDescriptor(Session.of(configuration));
    }

    @Override
    public StandaloneClusterId getClusterId(Configuration configuration) {
        Targets.cluster(configuration);
        return StandaloneClusterId.getInstance();
    }

    @Override
    public ClusterSpecification getClusterSpecification(Configuration configuration) {
        // The dispatcher works it out of the configuration, as Flink's scripts would.
        return new ClusterSpecification.ClusterSpecificationBuilder().createClusterSpecification();
    }

    @Override
    public Optional<String> getApplicationTargetName() {
        return Optional.of(Targets.APPLICATION);
    }
}
