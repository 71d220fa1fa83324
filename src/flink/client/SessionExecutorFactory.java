package flinkonmesos;

import org.apache.flink.client.deployment.executors.RemoteExecutorFactory;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.PipelineExecutor;
import org.apache.flink.core.execution.PipelineExecutorFactory;

/** {@code flink run -t mesos-session}: Flink's own executor for remote clusters, which asks the dispatcher where one is. */
public final class SessionExecutorFactory implements PipelineExecutorFactory {
    @Override
    public String getName() {
        return Targets.SESSION;
    }

    @Override
    public boolean isCompatibleWith(Configuration configuration) {
        return Targets.is(configuration, Targets.SESSION);
    }

    @Override
    public PipelineExecutor getExecutor(Configuration configuration) {
        // What `execute` is given is what counts: a program may have set more since.
        return (pipeline, given, loader) -> {
            Configuration found = Session.of(given);
            return new RemoteExecutorFactory().getExecutor(found).execute(pipeline, found, loader);
        };
    }
}
