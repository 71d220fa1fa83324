import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** Runs, and fails on its first number. */
public final class FailJob {
    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.getExecutionEnvironment();
        environment.fromSequence(1, 2).map(FailJob::fail).returns(Types.LONG).print();
        environment.execute("fail");
    }

    private static Long fail(Long number) {
        throw new IllegalStateException("no number is good enough");
    }
}
