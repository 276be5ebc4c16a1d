// Everything that the Go shim of Fabric 3.1 can ask of a peer, a function each, run as a service.
package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	"github.com/hyperledger/fabric-chaincode-go/v2/pkg/statebased"
	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
)

type contract struct{}

func (contract) Init(shim.ChaincodeStubInterface) *peer.Response { return shim.Success(nil) }

func (contract) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	name, args := stub.GetFunctionAndParameters()
	function, known := functions[name]
	if !known {
		return shim.Error("no function " + name)
	}
	result, err := function(stub, args)
	if err != nil {
		return shim.Error(err.Error())
	}
	if bytes, isBytes := result.([]byte); isBytes {
		return shim.Success(bytes)
	}
	bytes, err := json.Marshal(result)
	if err != nil {
		return shim.Error(err.Error())
	}
	return shim.Success(bytes)
}

type function func(stub shim.ChaincodeStubInterface, args []string) (any, error)

var functions = map[string]function{
	"put": func(stub shim.ChaincodeStubInterface, args []string) (any, error) {
		return nil, stub.PutState(args[0], []byte(args[1]))
	},
	"get": func(stub shim.ChaincodeStubInterface, args []string) (any, error) { return stub.GetState(args[0]) },

	// Writes count keys in one batch, and deletes those that are named after.
	"putMany": func(stub shim.ChaincodeStubInterface, args []string) (any, error) {
		count, err := strconv.Atoi(args[1])
		if err != nil {
			return nil, err
		}
		stub.StartWriteBatch()
		for i := 0; i < count; i++ {
			if err := stub.PutState(fmt.Sprintf("%s%05d", args[0], i), []byte(strconv.Itoa(i))); err != nil {
				return nil, err
			}
		}
		for _, key := range args[2:] {
			if err := stub.DelState(key); err != nil {
				return nil, err
			}
		}
		return count, stub.FinishWriteBatch()
	},
	// A batch with every kind of write.
	"mixBatch": func(stub shim.ChaincodeStubInterface, args []string) (any, error) {
		policy, err := statebased.NewStateEP(nil)
		if err != nil {
			return nil, err
		}
		if err := policy.AddOrgs(statebased.RoleTypeMember, args[1:]...); err != nil {
			return nil, err
		}
		bytes, err := policy.Policy()
		if err != nil {
			return nil, err
		}
		stub.StartWriteBatch()
		steps := []error{
			stub.PutState(args[0], []byte("guarded")),
			stub.SetStateValidationParameter(args[0], bytes),
			stub.PutPrivateData("shared", args[0], []byte("private")),
			stub.SetPrivateDataValidationParameter("shared", args[0], bytes),
			stub.PutPrivateData("shared", args[0]+"-gone", []byte("gone")),
			stub.DelPrivateData("shared", args[0]+"-gone"),
			stub.DelState(args[0] + "-gone"),
		}
		for _, err := range steps {
			if err != nil {
				return nil, err
			}
		}
		return nil, stub.FinishWriteBatch()
	},
	"unfinishedBatch": func(stub shim.ChaincodeStubInterface, args []string) (any, error) {
		stub.StartWriteBatch()
		return nil, stub.PutState(args[0], []byte("never finished"))
	},
	"batchElsewhere": func(stub shim.ChaincodeStubInterface, args []string) (any, error) {
		stub.StartWriteBatch()
		if err := stub.PutPrivateData("nowhere", args[0], []byte("value")); err != nil {
			return nil, err
		}
		return nil, stub.FinishWriteBatch()
	},
	"purgeInBatch": func(stub shim.ChaincodeStubInterface, args []string) (any, error) {
		stub.StartWriteBatch()
		if err := stub.PurgePrivateData("shared", args[0]); err != nil {
			return nil, err
		}
		return nil, stub.FinishWriteBatch()
	},

	"getMany": func(stub shim.ChaincodeStubInterface, args []string) (any, error) {
		values, err := stub.GetMultipleStates(args...)
		return texts(values), err
	},
	"getManyNumbered": func(stub shim.ChaincodeStubInterface, args []string) (any, error) {
		count, err := strconv.Atoi(args[1])
		if err != nil {
			return nil, err
		}
		keys := make([]string, count)
		for i := range keys {
			keys[i] = fmt.Sprintf("%s%05d", args[0], i)
		}
		values, err := stub.GetMultipleStates(keys...)
		sum := 0
		for _, value := range values {
			number, _ := strconv.Atoi(string(value))
			sum += number
		}
		return sum, err
	},
	"getManyPrivate": func(stub shim.ChaincodeStubInterface, args []string) (any, error) {
		values, err := stub.GetMultiplePrivateData(args[0], args[1:]...)
		return texts(values), err
	},
	"privateHash": func(stub shim.ChaincodeStubInterface, args []string) (any, error) {
		hash, err := stub.GetPrivateDataHash(args[0], args[1])
		return hex.EncodeToString(hash), err
	},
	"guards": func(stub shim.ChaincodeStubInterface, args []string) (any, error) {
		bytes, err := stub.GetStateValidationParameter(args[0])
		if err != nil {
			return nil, err
		}
		if private, err := stub.GetPrivateDataValidationParameter("shared", args[0]); err != nil || string(private) != string(bytes) {
			return nil, fmt.Errorf("the private key has another policy: %x, %v", private, err)
		}
		policy, err := statebased.NewStateEP(bytes)
		if err != nil {
			return nil, err
		}
		return policy.ListOrgs(), nil
	},

	"range": func(stub shim.ChaincodeStubInterface, args []string) (any, error) {
		iterator, err := stub.GetStateByRange(args[0], args[1])
		return count(iterator, err)
	},
	"page": func(stub shim.ChaincodeStubInterface, args []string) (any, error) {
		size, err := strconv.Atoi(args[2])
		if err != nil {
			return nil, err
		}
		iterator, metadata, err := stub.GetStateByRangeWithPagination(args[0], args[1], int32(size), args[3])
		return page(iterator, metadata, err)
	},
	"putComposite": func(stub shim.ChaincodeStubInterface, args []string) (any, error) {
		key, err := stub.CreateCompositeKey(args[0], args[1:])
		if err != nil {
			return nil, err
		}
		return nil, stub.PutState(key, []byte("composite"))
	},
	"allComposites": func(stub shim.ChaincodeStubInterface, args []string) (any, error) {
		size, err := strconv.Atoi(args[0])
		if err != nil {
			return nil, err
		}
		iterator, metadata, err := stub.GetAllStatesCompositeKeyWithPagination(int32(size), args[1])
		return page(iterator, metadata, err)
	},
	"query": func(stub shim.ChaincodeStubInterface, args []string) (any, error) {
		iterator, err := stub.GetQueryResult(args[0])
		return count(iterator, err)
	},
	"queryPrivate": func(stub shim.ChaincodeStubInterface, args []string) (any, error) {
		iterator, err := stub.GetPrivateDataQueryResult(args[0], args[1])
		return count(iterator, err)
	},
	"history": func(stub shim.ChaincodeStubInterface, args []string) (any, error) {
		iterator, err := stub.GetHistoryForKey(args[0])
		if err != nil {
			return nil, err
		}
		defer iterator.Close()
		found := []string{}
		for iterator.HasNext() {
			step, err := iterator.Next()
			if err != nil {
				return nil, err
			}
			found = append(found, string(step.GetValue()))
		}
		return found, nil
	},
	"call": func(stub shim.ChaincodeStubInterface, args []string) (any, error) {
		words := [][]byte{}
		for _, word := range args[2:] {
			words = append(words, []byte(word))
		}
		response := stub.InvokeChaincode(args[0], words, args[1])
		return map[string]any{
			"status": response.GetStatus(), "message": response.GetMessage(), "payload": string(response.GetPayload()),
		}, nil
	},
	"announce": func(stub shim.ChaincodeStubInterface, args []string) (any, error) {
		for _, name := range args {
			if err := stub.SetEvent(name, []byte("payload of "+name)); err != nil {
				return nil, err
			}
		}
		return nil, stub.PutState("announced", []byte(args[0]))
	},
	"transient": func(stub shim.ChaincodeStubInterface, args []string) (any, error) {
		values, err := stub.GetTransient()
		return values[args[0]], err
	},
	"exit": func(shim.ChaincodeStubInterface, []string) (any, error) {
		os.Exit(3)
		return nil, nil
	},
}

func texts(values [][]byte) []string {
	found := make([]string, len(values))
	for i, value := range values {
		found[i] = string(value)
	}
	return found
}

func count(iterator shim.StateQueryIteratorInterface, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	keys, err := keysOf(iterator)
	return len(keys), err
}

func page(iterator shim.StateQueryIteratorInterface, metadata *peer.QueryResponseMetadata, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	keys, err := keysOf(iterator)
	return map[string]any{
		"keys": keys, "fetched": metadata.GetFetchedRecordsCount(), "bookmark": metadata.GetBookmark(),
	}, err
}

func keysOf(iterator shim.StateQueryIteratorInterface) ([]string, error) {
	defer iterator.Close()
	keys := []string{}
	for iterator.HasNext() {
		found, err := iterator.Next()
		if err != nil {
			return nil, err
		}
		keys = append(keys, found.GetKey())
	}
	return keys, nil
}

func main() {
	server := &shim.ChaincodeServer{
		CCID:     os.Getenv("CHAINCODE_ID"),
		Address:  os.Getenv("CHAINCODE_SERVER_ADDRESS"),
		CC:       contract{},
		TLSProps: shim.TLSProperties{Disabled: true},
	}
	if err := server.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
