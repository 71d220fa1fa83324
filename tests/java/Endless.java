import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** Counts for ever, slowly, with a checkpoint every half second. */
public final class Endless {

    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.getExecutionEnvironment();
        environment.enableCheckpointing(500);
        environment
                .fromSequence(0, Long.MAX_VALUE - 1)
                .map(Endless::slowly)
                .returns(Types.LONG)
                .keyBy(number -> number % 7, Types.LONG)
                .reduce(Long::sum)
                .filter(sum -> sum < 0)
                .print();
        environment.execute("Endless");
    }

    private static Long slowly(Long number) throws InterruptedException {
        Thread.sleep(1);
        return number;
    }
}
