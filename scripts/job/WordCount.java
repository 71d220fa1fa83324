import java.util.Locale;
import org.apache.flink.api.common.functions.FlatMapFunction;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.util.Collector;

/**
 * Counts the words of a few lines and prints every new count.
 *
 * <p>Written against the part of the DataStream API that is the same from Flink 1.17 to 2.3, so that one
 * source fits every version this project runs.
 */
public final class WordCount {

    private static final String[] LINES = {
        "To be, or not to be, that is the question:",
        "Whether 'tis nobler in the mind to suffer",
        "The slings and arrows of outrageous fortune,",
        "Or to take arms against a sea of troubles,",
        "And by opposing end them. To die, to sleep,",
        "No more; and by a sleep to say we end",
        "The heartache and the thousand natural shocks",
        "That flesh is heir to: 'tis a consummation",
        "Devoutly to be wish'd. To die, to sleep;",
        "To sleep, perchance to dream. Ay, there's the rub.",
    };

    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.getExecutionEnvironment();
        environment
                .fromSequence(0, LINES.length - 1)
                .map(number -> LINES[number.intValue()])
                .returns(Types.STRING)
                .flatMap(new Words())
                .keyBy(count -> count.f0, Types.STRING)
                .sum(1)
                .print();
        environment.execute("WordCount");
    }

    /** Splits a line into its words in lower case, each counted once. */
    private static final class Words implements FlatMapFunction<String, Tuple2<String, Integer>> {

        private static final long serialVersionUID = 1L;

        @Override
        public void flatMap(String line, Collector<Tuple2<String, Integer>> words) {
            for (String word : line.toLowerCase(Locale.ROOT).split("[^a-z']+")) {
                if (!word.isEmpty()) {
                    words.collect(Tuple2.of(word, 1));
                }
            }
        }
    }
}
