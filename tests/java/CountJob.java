import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** Counts to the number that is its argument, and ends. */
public final class CountJob {
    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.getExecutionEnvironment();
        environment.fromSequence(1, Long.parseLong(args[0])).print();
        environment.execute("count");
    }
}
