import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.stream.Collectors;
import org.hyperledger.fabric.metrics.Metrics;
import org.hyperledger.fabric.shim.ChaincodeBase;
import org.hyperledger.fabric.shim.ChaincodeServerProperties;
import org.hyperledger.fabric.shim.ChaincodeStub;
import org.hyperledger.fabric.shim.NettyChaincodeServer;
import org.hyperledger.fabric.shim.ResponseUtils;
import org.hyperledger.fabric.shim.ext.sbe.StateBasedEndorsement;
import org.hyperledger.fabric.shim.ext.sbe.impl.StateBasedEndorsementFactory;
import org.hyperledger.fabric.shim.ledger.KeyModification;
import org.hyperledger.fabric.shim.ledger.KeyValue;
import org.hyperledger.fabric.shim.ledger.QueryResultsIterator;
import org.hyperledger.fabric.shim.ledger.QueryResultsIteratorWithMetadata;
import org.hyperledger.fabric.traces.Traces;

/** What the Java shim of Fabric can ask of a peer, a function each, run as a service. Lists are answered as lines. */
public final class JavaShim extends ChaincodeBase {
    @Override
    public Response init(final ChaincodeStub stub) {
        return ResponseUtils.newSuccessResponse();
    }

    @Override
    public Response invoke(final ChaincodeStub stub) {
        try {
            String answer = call(stub, stub.getFunction(), stub.getParameters());
            return ResponseUtils.newSuccessResponse(null, answer.getBytes());
        } catch (Exception error) {
            return ResponseUtils.newErrorResponse(String.valueOf(error.getMessage()));
        }
    }

    private String call(final ChaincodeStub stub, final String function, final List<String> args) throws Exception {
        switch (function) {
            case "put":
                stub.putStringState(args.get(0), args.get(1));
                return "";
            case "get":
                return stub.getStringState(args.get(0));
            case "delete":
                stub.delState(args.get(0));
                return "";
            case "putMany":
                for (int i = 0; i < Integer.parseInt(args.get(1)); i++) {
                    stub.putStringState(String.format("%s%05d", args.get(0), i), String.valueOf(i));
                }
                return "";
            case "range":
                return lines(stub.getStateByRange(args.get(0), args.get(1)));
            case "page": {
                int size = Integer.parseInt(args.get(2));
                try (QueryResultsIteratorWithMetadata<KeyValue> found =
                        stub.getStateByRangeWithPagination(args.get(0), args.get(1), size, args.get(3))) {
                    String keys = lines(found);
                    return found.getMetadata().getBookmark() + "\n" + keys;
                }
            }
            case "putComposite":
                stub.putStringState(
                        stub.createCompositeKey(args.get(0), args.get(1), args.get(2)).toString(), "composite");
                return "";
            case "composites": {
                List<String> found = new ArrayList<>();
                try (QueryResultsIterator<KeyValue> each =
                        stub.getStateByPartialCompositeKey(args.get(0), args.get(1))) {
                    for (KeyValue kv : each) {
                        found.add(String.join("/", stub.splitCompositeKey(kv.getKey()).getAttributes()));
                    }
                }
                return String.join("\n", found);
            }
            case "query":
                return lines(stub.getQueryResult(args.get(0)));
            case "history": {
                List<String> found = new ArrayList<>();
                try (QueryResultsIterator<KeyModification> each = stub.getHistoryForKey(args.get(0))) {
                    for (KeyModification step : each) {
                        found.add(step.isDeleted() ? "deleted" : step.getStringValue());
                    }
                }
                return String.join("\n", found);
            }
            case "putPrivate":
                stub.putPrivateData(args.get(0), args.get(1), stub.getTransient().get("value"));
                return "";
            case "getPrivate":
                return stub.getPrivateDataUTF8(args.get(0), args.get(1));
            case "privateHash":
                return String.valueOf(stub.getPrivateDataHash(args.get(0), args.get(1)).length);
            case "rangePrivate":
                return lines(stub.getPrivateDataByRange(args.get(0), args.get(1), args.get(2)));
            case "purgePrivate":
                stub.purgePrivateData(args.get(0), args.get(1));
                return "";
            case "guard": {
                StateBasedEndorsement policy = StateBasedEndorsementFactory.getInstance().newStateBasedEndorsement(null);
                policy.addOrgs(StateBasedEndorsement.RoleType.RoleTypeMember, args.get(1));
                stub.setStateValidationParameter(args.get(0), policy.policy());
                return "";
            }
            case "guards": {
                byte[] policy = stub.getStateValidationParameter(args.get(0));
                return String.join(
                        "\n", StateBasedEndorsementFactory.getInstance().newStateBasedEndorsement(policy).listOrgs());
            }
            case "call": {
                List<byte[]> words =
                        args.subList(2, args.size()).stream().map(String::getBytes).collect(Collectors.toList());
                Response response = stub.invokeChaincode(args.get(0), words, args.get(1));
                return response.getStatusCode() + "\n" + response.getStringPayload();
            }
            case "announce":
                for (String name : args) {
                    stub.setEvent(name, ("payload of " + name).getBytes());
                }
                stub.putStringState("announced", args.get(0));
                return "";
            default:
                throw new IllegalArgumentException("no function " + function);
        }
    }

    private static <R extends Iterable<KeyValue> & AutoCloseable> String lines(final R results) throws Exception {
        List<String> keys = new ArrayList<>();
        try (results) {
            for (KeyValue found : results) {
                keys.add(found.getKey());
            }
        }
        return String.join("\n", keys);
    }

    public static void main(final String[] args) throws Exception {
        String[] address = System.getenv("CHAINCODE_SERVER_ADDRESS").split(":");
        ChaincodeServerProperties properties = new ChaincodeServerProperties();
        properties.setServerAddress(new InetSocketAddress(address[0], Integer.parseInt(address[1])));
        JavaShim contract = new JavaShim();
        contract.processEnvironmentOptions();
        Properties config = contract.getChaincodeConfig();
        Metrics.initialize(config);
        Traces.initialize(config);
        new NettyChaincodeServer(contract, properties).start();
    }
}
